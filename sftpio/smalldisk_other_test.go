//go:build !linux

package sftpio_test

import "testing"

func smallDisk(t *testing.T) string {
	t.Skip("only Linux mounts a small disk here (a limit on file sizes covers the same)")
	return ""
}
