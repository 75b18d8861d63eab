//go:build !killpoints

package main

// reached is called at each named transition of a run. Only the crash test's build
// does something there (kill_on.go).
func reached(string) {}
