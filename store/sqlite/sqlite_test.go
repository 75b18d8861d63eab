package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"

	"cardbatch/batch"
	"cardbatch/store"
	"cardbatch/store/sqlite"
	"cardbatch/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Fixture {
		path := filepath.Join(t.TempDir(), "store.db")
		return storetest.Fixture{
			Open: func(t *testing.T, mode batch.Mode) (store.Store, error) {
				return sqlite.Open(t.Context(), path, sqlite.Options{Environment: mode, Create: true})
			},
			Break: func(t *testing.T) {
				if err := os.Remove(path + ".lock"); err != nil {
					t.Fatal(err)
				}
			},
		}
	})
}
