package store

import (
	"context"
	"fmt"
	"testing"
	"time"

	"matterpass/internal/login"
	"matterpass/internal/servertest"
)

// BenchmarkWrites is what the writes of a sign-in cost: the one that once-only
// rests on waits for the disk, the others do not.
func BenchmarkWrites(b *testing.B) {
	addresses := map[string]func() string{
		"sqlite": func() string { return "sqlite://" + b.TempDir() + "/matterpass.db" },
		"postgresql": func() string {
			return servertest.StartPostgres(b, servertest.PostgresOptions{Sync: true}).Address("postgres")
		},
	}
	ctx := context.Background()
	now := time.Now()
	for name, address := range addresses {
		s, err := Open(ctx, Options{Address: address(), Keys: keys("k1")})
		if err != nil {
			b.Fatal(err)
		}
		defer s.Close()
		for what, write := range map[string]func(i int) error{
			"spend a proof": func(i int) error {
				return s.Once().Spend(ctx, login.Spending{Key: fmt.Sprint(b.Name(), i), IssuedAt: now.Add(time.Minute), Until: now.Add(time.Hour)})
			},
			"count a try": func(int) error {
				_, err := s.BeginTry(ctx, "dana@erp.test", 6)
				return err
			},
			"end a try": func(int) error { return s.EndTry(ctx, "dana@erp.test", login.Succeeded) },
			"begin a session": func(i int) error {
				return s.Records().Begin(ctx, fmt.Sprint(now, b.N, i), login.Record{UserID: "u", Device: "d", Created: now, LastSeen: now})
			},
		} {
			b.Run(name+"/"+what, func(b *testing.B) {
				for i := 0; b.Loop(); i++ {
					if err := write(i); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
