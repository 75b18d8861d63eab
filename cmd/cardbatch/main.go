// Command cardbatch bills cards on file, by file, by night.
//
// It takes batch-interface files from inbound folders, checks each whole, submits
// every line to a payment gateway, and puts acknowledgements and results into
// outbound folders. docs/architecture.md walks from here to the line that does the work.
package main

import (
	"context"
	"os"
	_ "time/tzdata" // time zones load on bare machines too
)

func main() {
	os.Exit(Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
