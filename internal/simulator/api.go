package simulator

import "strings"

// api is the part of the API that there is. Whatever isn't here is 404, as an unknown path is in Mattermost.
func (s *Server) api() []route {
	var table []route
	add := func(method, path string, handler func(*call) (any, error), need access, status int) {
		table = append(table, route{method, strings.Split(strings.TrimPrefix(path, "/"), "/"), status, need, handler})
	}
	get := func(path string, handler func(*call) (any, error)) { add("GET", path, handler, signedIn, 200) }
	put := func(path string, handler func(*call) (any, error)) { add("PUT", path, handler, signedIn, 200) }
	post := func(path string, handler func(*call) (any, error)) { add("POST", path, handler, signedIn, 200) }
	create := func(path string, handler func(*call) (any, error)) { add("POST", path, handler, signedIn, 201) }
	remove := func(path string, handler func(*call) (any, error)) { add("DELETE", path, handler, signedIn, 200) }

	add("GET", "/system/ping", s.ping, anonymous, 200)
	add("GET", "/config/client", s.clientConfig, anonymous, 200)
	add("GET", "/config", s.getConfig, admin, 200)
	add("PUT", "/config/patch", s.patchConfig, admin, 200)
	add("POST", "/caches/invalidate", s.invalidateCaches, admin, 200)
	get("/limits/server", s.limits)

	add("POST", "/users/login", s.login, anonymous, 200)
	add("POST", "/users/logout", s.logout, anonymous, 200)
	add("POST", "/users", s.createUser, anonymous, 201)
	get("/users", s.listUsers)
	get("/users/stats", s.countUsers)
	post("/users/ids", s.getUsersByIDs)
	post("/users/usernames", s.getUsersByUsernames)
	post("/users/search", s.searchUsers)
	post("/users/status/ids", s.getStatuses)
	add("POST", "/users/sessions/revoke/all", s.revokeEverySession, admin, 200)
	put("/users/sessions/device", s.attachDevice)
	post("/users/tokens/revoke", s.revokeToken)
	post("/users/tokens/disable", s.disableToken)
	post("/users/tokens/enable", s.enableToken)
	get("/users/email/{email}", s.getUserByEmail)
	get("/users/username/{username}", s.getUserByUsername)

	get("/users/{user}", s.getUser)
	remove("/users/{user}", s.deleteUser)
	put("/users/{user}", s.patchUser)
	put("/users/{user}/patch", s.patchUser)
	put("/users/{user}/active", s.setActive)
	put("/users/{user}/password", s.setPassword)
	put("/users/{user}/mfa", s.setMFA)
	add("PUT", "/users/{user}/roles", s.setRoles, admin, 200)
	add("PUT", "/users/{user}/auth", s.setAuth, admin, 200)
	post("/users/{user}/reset_failed_attempts", s.resetFailedAttempts)
	get("/users/{user}/sessions", s.listSessions)
	post("/users/{user}/sessions/revoke", s.revokeSession)
	post("/users/{user}/sessions/revoke/all", s.revokeAllSessions)
	get("/users/{user}/tokens", s.listTokens)
	post("/users/{user}/tokens", s.createToken)
	get("/users/{user}/preferences", s.getPreferences)
	put("/users/{user}/preferences", s.putPreferences)
	get("/users/{user}/status", s.getStatus)
	put("/users/{user}/status", s.putStatus)
	get("/users/{user}/teams", s.listTeams)
	get("/users/{user}/teams/members", s.listTeamMemberships)
	get("/users/{user}/teams/unread", s.teamsUnread)
	get("/users/{user}/channels/{channel}/unread", s.channelUnread)
	get("/users/{user}/teams/{team}/channels", s.listChannels)
	get("/users/{user}/teams/{team}/channels/members", s.listChannelMemberships)

	create("/teams", s.createTeam)
	get("/teams/name/{name}", s.getTeamByName)
	get("/teams/{team}", s.getTeam)
	get("/teams/{team}/members", s.listTeamMembers)
	create("/teams/{team}/members", s.addTeamMember)
	create("/teams/{team}/members/batch", s.addTeamMembers)
	get("/teams/{team}/members/{user}", s.getTeamMember)
	remove("/teams/{team}/members/{user}", s.removeTeamMember)
	get("/teams/{team}/channels/name/{name}", s.getChannelByName)
	get("/teams/name/{team_name}/channels/name/{name}", s.getChannelByNames)

	create("/channels", s.createChannel)
	create("/channels/direct", s.createDirectChannel)
	post("/channels/members/{user}/view", s.viewChannel)
	get("/channels/{channel}", s.getChannel)
	get("/channels/{channel}/posts", s.listPosts)
	create("/channels/{channel}/members", s.addChannelMember)
	get("/channels/{channel}/members/{user}", s.getChannelMember)
	remove("/channels/{channel}/members/{user}", s.removeChannelMember)

	create("/posts", s.createPost)
	get("/posts/{post}", s.getPost)
	put("/posts/{post}/patch", s.editPost)
	remove("/posts/{post}", s.deletePost)
	return table
}
