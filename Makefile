# make STEP is bash .ci/run STEP, make check all of them; CONTRIBUTING.md says
# what they do.
STEPS := $(shell sed -n 's/^step_\([a-z]*\)().*/\1/p' .ci/run)

.PHONY: build check files generate golden picture clean $(STEPS)

build:
	go build ./cmd/why403

check:
	bash .ci/run

$(STEPS):
	bash .ci/run $@

generate:
	go generate ./...

# Rewrites golden files. Read the difference before you commit it.
golden:
	go test ./internal/cli -run Sample -update

# The man page and the completions as the archives and packages hold them.
files:
	mkdir -p build/man build/completions
	go build -o build/why403 ./cmd/why403
	build/why403 man >build/man/why403.1
	gzip -9nkf build/man/why403.1
	build/why403 completion bash >build/completions/why403.bash
	build/why403 completion zsh >build/completions/_why403
	build/why403 completion fish >build/completions/why403.fish
	build/why403 completion powershell >build/completions/why403.ps1

# The README's picture.
picture:
	go run ./cmd/why403 scan --quiet --snapshot samples/site/snapshot --out build/report.html samples/site/logs
	chromium --headless=new --no-sandbox --hide-scrollbars --window-size=1180,1000 \
		--screenshot=docs/img/report.png file://$(CURDIR)/build/report.html

clean:
	rm -rf build dist why403
