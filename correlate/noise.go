package correlate

func (j *joiner) noise() {}
