package main

func serve(string) error      { return nil }
func (b *bench) fetch() error { return nil }
