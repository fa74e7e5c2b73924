package simulator

import "strings"

type handler = func(*call) (any, error)

type table []route

func (t *table) add(method, path string, h handler, need access, status int) {
	*t = append(*t, route{method, strings.Split(strings.TrimPrefix(path, "/"), "/"), status, need, h, maximumPayload})
}

func (t *table) get(path string, h handler)    { t.add("GET", path, h, signedIn, 200) }
func (t *table) put(path string, h handler)    { t.add("PUT", path, h, signedIn, 200) }
func (t *table) post(path string, h handler)   { t.add("POST", path, h, signedIn, 200) }
func (t *table) create(path string, h handler) { t.add("POST", path, h, signedIn, 201) }
func (t *table) remove(path string, h handler) { t.add("DELETE", path, h, signedIn, 200) }

func (t *table) upload(path string, h handler) {
	t.create(path, h)
	(*t)[len(*t)-1].payload = maximumFile
}

// api is the part of the API that there is. Whatever isn't here is 404, as an unknown path is in Mattermost.
func (s *Server) api() []route {
	var t table
	s.systemRoutes(&t)
	s.peopleRoutes(&t) // first: somebody may be called "tokens"
	s.signInRoutes(&t)
	s.accountRoutes(&t)
	s.teamRoutes(&t)
	s.channelRoutes(&t)
	s.fileRoutes(&t)
	return t
}

func (s *Server) systemRoutes(t *table) {
	t.add("GET", "/system/ping", s.ping, anonymous, 200)
	t.add("GET", "/config/client", s.clientConfig, anonymous, 200)
	t.add("GET", "/config", s.getConfig, admin, 200)
	t.add("PUT", "/config/patch", s.patchConfig, admin, 200)
	t.add("POST", "/caches/invalidate", s.invalidateCaches, admin, 200)
	t.get("/limits/server", s.limits)
}

func (s *Server) signInRoutes(t *table) {
	t.add("POST", "/users/login", s.login, anonymous, 200)
	t.add("POST", "/users/logout", s.logout, anonymous, 200)
	t.add("POST", "/users/sessions/revoke/all", s.revokeEverySession, admin, 200)
	t.put("/users/sessions/device", s.attachDevice)
	t.post("/users/tokens/revoke", s.revokeToken)
	t.post("/users/tokens/disable", s.disableToken)
	t.post("/users/tokens/enable", s.enableToken)
	t.get("/users/{user}/sessions", s.listSessions)
	t.post("/users/{user}/sessions/revoke", s.revokeSession)
	t.post("/users/{user}/sessions/revoke/all", s.revokeAllSessions)
	t.get("/users/{user}/tokens", s.listTokens)
	t.post("/users/{user}/tokens", s.createToken)
}

func (s *Server) peopleRoutes(t *table) {
	t.add("POST", "/users", s.createUser, anonymous, 201)
	t.get("/users", s.listUsers)
	t.get("/users/stats", s.countUsers)
	t.post("/users/ids", s.getUsersByIDs)
	t.post("/users/usernames", s.getUsersByUsernames)
	t.post("/users/search", s.searchUsers)
	t.post("/users/status/ids", s.getStatuses)
	t.get("/users/email/{email}", s.getUserByEmail)
	t.get("/users/username/{username}", s.getUserByUsername)
	t.get("/users/{user}", s.getUser)
	t.remove("/users/{user}", s.deleteUser)
	t.put("/users/{user}", s.patchUser)
	t.put("/users/{user}/patch", s.patchUser)
}

func (s *Server) accountRoutes(t *table) {
	t.put("/users/{user}/active", s.setActive)
	t.put("/users/{user}/password", s.setPassword)
	t.put("/users/{user}/mfa", s.setMFA)
	t.add("PUT", "/users/{user}/roles", s.setRoles, admin, 200)
	t.add("PUT", "/users/{user}/auth", s.setAuth, admin, 200)
	t.post("/users/{user}/reset_failed_attempts", s.resetFailedAttempts)
	t.get("/users/{user}/preferences", s.getPreferences)
	t.put("/users/{user}/preferences", s.putPreferences)
	t.get("/users/{user}/status", s.getStatus)
	t.put("/users/{user}/status", s.putStatus)
}

func (s *Server) teamRoutes(t *table) {
	t.get("/users/{user}/teams", s.listTeams)
	t.get("/users/{user}/teams/members", s.listTeamMemberships)
	t.get("/users/{user}/teams/unread", s.teamsUnread)
	t.create("/teams", s.createTeam)
	t.add("GET", "/teams", s.listAllTeams, admin, 200)
	t.get("/teams/name/{name}", s.getTeamByName)
	t.get("/teams/{team}", s.getTeam)
	t.get("/teams/{team}/stats", s.countTeamMembers)
	t.get("/teams/{team}/members", s.listTeamMembers)
	t.create("/teams/{team}/members", s.addTeamMember)
	t.create("/teams/{team}/members/batch", s.addTeamMembers)
	t.get("/teams/{team}/members/{user}", s.getTeamMember)
	t.remove("/teams/{team}/members/{user}", s.removeTeamMember)
}

func (s *Server) channelRoutes(t *table) {
	t.get("/users/{user}/channels/{channel}/unread", s.channelUnread)
	t.get("/users/{user}/teams/{team}/channels", s.listChannels)
	t.get("/users/{user}/teams/{team}/channels/members", s.listChannelMemberships)
	t.get("/teams/{team}/channels/name/{name}", s.getChannelByName)
	t.get("/teams/name/{team_name}/channels/name/{name}", s.getChannelByNames)
	t.create("/channels", s.createChannel)
	t.create("/channels/direct", s.createDirectChannel)
	t.post("/channels/members/{user}/view", s.viewChannel)
	t.get("/channels/{channel}", s.getChannel)
	t.get("/channels/{channel}/posts", s.listPosts)
	t.create("/channels/{channel}/members", s.addChannelMember)
	t.get("/channels/{channel}/members/{user}", s.getChannelMember)
	t.remove("/channels/{channel}/members/{user}", s.removeChannelMember)
	t.create("/posts", s.createPost)
	t.get("/posts/{post}", s.getPost)
	t.put("/posts/{post}/patch", s.editPost)
	t.remove("/posts/{post}", s.deletePost)
}

func (s *Server) fileRoutes(t *table) {
	t.upload("/files", s.uploadFiles)
	t.get("/files/{file}", s.getFile)
	t.get("/files/{file}/info", s.getFileInfo)
}
