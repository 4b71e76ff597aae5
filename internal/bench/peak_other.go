//go:build !linux

package main

import "os"

// peakOf returns 0: systems count peak memory in units of their own.
func peakOf(*os.ProcessState) int64 { return 0 }
