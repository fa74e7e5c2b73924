package simulator

import (
	"cmp"
	"time"

	"github.com/mattermost/mattermost/server/public/model"
)

// The people and the place that Seed makes.
const (
	DemoEmail  = "demo@erp.test"
	DanaEmail  = "dana@erp.test"
	AdminEmail = "admin@erp.test"
	DemoTeam   = "erp"

	// DefaultPassword is everybody's unless Options.Password says otherwise.
	DefaultPassword = "demo-password"
)

// Seed makes the demo: a system administrator with an access token, two colleagues, the team "erp" and a
// conversation about orders. On a server that has been seeded it does nothing.
func (s *Server) Seed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.find(byEmail, AdminEmail) != nil {
		return
	}
	defer func(clock func() time.Time) { s.now = clock }(s.now)
	began := s.now().Add(-26 * time.Hour)
	s.now = func() time.Time { return began }

	admin := s.addPerson(Person{Email: AdminEmail, Username: "admin", FirstName: "Admin", Admin: true})
	demo := s.addPerson(Person{Email: DemoEmail, Username: "demo", FirstName: "Demo", LastName: "User"})
	dana := s.addPerson(Person{Email: DanaEmail, Username: "dana", FirstName: "Dana", LastName: "Dispatch"})
	s.adminToken = s.newToken(admin, cmp.Or(s.options.AdminToken, model.NewId()), "matterpass").Token

	erp := s.newTeam(DemoTeam, "ERP", admin)
	orders := s.newChannel(model.Channel{TeamId: erp.Id, Name: "orders", DisplayName: "Orders",
		Purpose: "Questions about single orders", CreatorId: admin.Id})
	warehouse := s.newChannel(model.Channel{TeamId: erp.Id, Name: "warehouse", DisplayName: "Warehouse",
		Purpose: "Stock, picking, shipping", CreatorId: admin.Id})
	for _, p := range []*person{admin, demo, dana} {
		s.joinTeam(erp, p, p == admin)
		s.joinChannel(orders, p)
		s.joinChannel(warehouse, p)
	}
	for _, line := range conversation(s.channelByName(erp.Id, model.DefaultChannelName), orders, warehouse) {
		began = began.Add(line.later)
		s.write(line.in, s.find(byUsername, line.by), line.says, "")
	}
	for _, p := range s.people {
		p.status.Status = model.StatusOffline
	}
}

type line struct {
	later time.Duration // after the line before
	in    *channel
	by    string
	says  string
}

func conversation(square, orders, warehouse *channel) []line {
	return []line{
		{time.Minute, square, "admin", "Welcome. This is the chat beside the ERP: ask here, or in the channel of the department."},
		{time.Hour, square, "dana", "Dispatch is staffed until 18:00 today."},
		{20 * time.Hour, orders, "dana", "Order 4711: the customer asks whether we can ship the two pumps before the valves."},
		{4 * time.Minute, orders, "demo", "Yes, both pumps are on stock. I split the order."},
		{time.Minute, orders, "dana", "Thanks! Then I book the carrier for tomorrow morning."},
		{2 * time.Hour, warehouse, "dana", "Inventory of aisle C is on Thursday, please finish open picks by Wednesday evening."},
		{40 * time.Minute, warehouse, "dana", "@demo the valves for 4711 arrived, 40 pieces."},
	}
}
