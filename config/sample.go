package config

import _ "embed"

//go:embed sample.yaml
var sample []byte

// Sample returns the commented configuration that 'cardbatch init' writes: TEST, one
// merchant, local folders, and the simulator inside the program. It loads as it is.
func Sample() []byte { return append([]byte(nil), sample...) }
