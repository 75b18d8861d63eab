//go:build race

package pipeline_test

// raceDetector: the detector makes the store some ten times slower.
const raceDetector = true
