// Package cardbatch holds the sample files that `cardbatch init` and `cardbatch
// demo` put into inbound folders. The program itself is in cmd/cardbatch.
package cardbatch

import "embed"

// Samples holds testdata/demo/*.csv, testdata/demo-smartbill/*.csv and testdata/demo-updater/*.csv.
//
//go:embed testdata/demo/*.csv testdata/demo-smartbill/*.csv testdata/demo-updater/*.csv
var Samples embed.FS
