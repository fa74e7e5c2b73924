package simulator

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/mattermost/mattermost/server/public/model"
)

var mentionPattern = regexp.MustCompile(`@([a-z0-9._-]+)`)

func (s *Server) createPost(c *call) (any, error) {
	in, err := decode[model.Post](c, "post")
	if err != nil {
		return nil, err
	}
	ch := s.channels[in.ChannelId]
	if ch == nil || ch.members[c.user.Id] == nil {
		return nil, refusePermission
	}
	if strings.TrimSpace(in.Message) == "" || len([]rune(in.Message)) > model.PostMessageMaxRunesV2 {
		return nil, refuseBody("post")
	}
	post := s.write(ch, c.user, in.Message, in.RootId)
	post.PendingPostId = in.PendingPostId
	s.extend(c)
	return post, nil
}

// write adds p's words to the channel and tells everybody in it.
func (s *Server) write(ch *channel, p *person, message, rootID string) *model.Post {
	now := s.millis()
	post := &model.Post{
		Id: model.NewId(), CreateAt: now, UpdateAt: now, UserId: p.Id, ChannelId: ch.Id, RootId: rootID,
		Message: message, Props: model.StringInterface{}, FileIds: model.StringArray{},
		RemoteId: model.NewPointer(""), Metadata: &model.PostMetadata{},
	}
	root := s.replyTo(ch, post)
	s.add(ch, post)
	s.setStatus(p, model.StatusOnline, false)
	if m := ch.members[p.Id]; m != nil {
		s.markRead(ch, m)
	}
	s.announce(ch, post, root, p)
	return post
}

// replyTo counts post as an answer to its root and returns the root, or nil.
func (s *Server) replyTo(ch *channel, post *model.Post) *model.Post {
	i := slices.IndexFunc(ch.posts, func(p *model.Post) bool { return p.Id == post.RootId })
	if i < 0 {
		post.RootId = ""
		return nil
	}
	root := ch.posts[i]
	root.ReplyCount, root.UpdateAt = root.ReplyCount+1, post.CreateAt
	post.ReplyCount = root.ReplyCount
	return root
}

func (s *Server) add(ch *channel, post *model.Post) {
	ch.posts = append(ch.posts, post)
	ch.LastPostAt, ch.TotalMsgCount = post.CreateAt, ch.TotalMsgCount+1
	if post.RootId == "" {
		ch.LastRootPostAt, ch.TotalMsgCountRoot = post.CreateAt, ch.TotalMsgCountRoot+1
	}
	for _, id := range s.mentioned(ch, post) {
		m := ch.members[id]
		m.MentionCount++
		if post.RootId == "" {
			m.MentionCountRoot++
		}
	}
}

// mentioned are the members that the post calls by name or by @channel, @all, @here; in a direct message the other.
func (s *Server) mentioned(ch *channel, post *model.Post) []string {
	names := map[string]bool{}
	for _, found := range mentionPattern.FindAllStringSubmatch(strings.ToLower(post.Message), -1) {
		names[strings.TrimRight(found[1], ".-_")] = true
	}
	everybody := names["channel"] || names["all"] || names["here"] || ch.Type == model.ChannelTypeDirect
	var ids []string
	for id := range ch.members {
		if id != post.UserId && (everybody || names[s.people[id].Username]) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (s *Server) announce(ch *channel, post, root *model.Post, author *person) {
	event := newEvent(model.WebsocketEventPosted, to{channel: ch.Id}).
		with("channel_display_name", ch.DisplayName).
		with("channel_name", ch.Name).
		with("channel_type", string(ch.Type)).
		with("post", asText(post)).
		with("sender_name", "@"+author.Username).
		with("set_online", true).
		with("team_id", ch.TeamId)
	if ch.Type == model.ChannelTypeDirect {
		event.Add("channel_display_name", "@"+author.Username)
	}
	event.mentions = s.mentioned(ch, post)
	event.followers = s.followers(ch, root, post.UserId)
	s.publish(event)
}

// followers are whom a thread concerns: who began it and who was called in it, but not who writes now.
func (s *Server) followers(ch *channel, root *model.Post, author string) []string {
	if root == nil {
		return nil
	}
	ids := append(s.mentioned(ch, root), root.UserId)
	return slices.DeleteFunc(ids, func(id string) bool { return id == author })
}

// announceJoin is the line that the channel shows when somebody was added; it mentions them.
func (s *Server) announceJoin(ch *channel, p, by *person) {
	now := s.millis()
	post := &model.Post{
		Id: model.NewId(), CreateAt: now, UpdateAt: now, UserId: by.Id, ChannelId: ch.Id,
		Type: model.PostTypeAddToChannel, Message: p.Username + " added to the channel by " + by.Username + ".",
		Props: model.StringInterface{"userId": by.Id, "username": by.Username,
			"addedUserId": p.Id, "addedUsername": p.Username},
		FileIds: model.StringArray{}, Metadata: &model.PostMetadata{},
	}
	ch.posts = append(ch.posts, post)
	ch.LastPostAt = now
	event := newEvent(model.WebsocketEventPosted, to{channel: ch.Id}).
		with("channel_display_name", ch.DisplayName).
		with("channel_name", ch.Name).
		with("channel_type", string(ch.Type)).
		with("post", asText(post)).
		with("sender_name", "System").
		with("set_online", true).
		with("team_id", ch.TeamId)
	event.mentions = []string{p.Id}
	s.publish(event)
}

// listPosts gives the newest first, 60 a page.
func (s *Server) listPosts(c *call) (any, error) {
	ch, err := s.channelOf(c)
	if err != nil {
		return nil, err
	}
	var shown []*model.Post
	for _, post := range slices.Backward(ch.posts) {
		if post.DeleteAt == 0 {
			shown = append(shown, post)
		}
	}
	c.w.Header().Set("Etag", fmt.Sprintf("%s.%d", version, ch.LastPostAt))
	list := model.NewPostList()
	for _, post := range page(c, shown) {
		list.AddPost(post)
		list.AddOrder(post.Id)
	}
	return list, nil
}

func (s *Server) getPost(c *call) (any, error) {
	ch, post := s.postByID(c.params["post"])
	if post == nil {
		return nil, refusePost
	}
	if _, err := s.readable(c, ch, refusePost); err != nil {
		return nil, err
	}
	return post, nil
}

func (s *Server) ownPost(c *call) (*channel, *model.Post, error) {
	ch, post := s.postByID(c.params["post"])
	if post == nil {
		return nil, nil, refusePost
	}
	if post.UserId != c.user.Id && !c.user.isAdmin() {
		return nil, nil, refusePermission
	}
	return ch, post, nil
}

func (s *Server) editPost(c *call) (any, error) {
	ch, post, err := s.ownPost(c)
	if err != nil {
		return nil, err
	}
	in, err := decode[model.PostPatch](c, "post")
	if err != nil || in.Message == nil {
		return nil, refuseBody("post")
	}
	post.Message, post.EditAt = *in.Message, s.millis()
	post.UpdateAt = post.EditAt
	s.publish(newEvent(model.WebsocketEventPostEdited, to{channel: ch.Id}).with("post", asText(post)))
	return post, nil
}

func (s *Server) deletePost(c *call) (any, error) {
	ch, post, err := s.ownPost(c)
	if err != nil {
		return nil, err
	}
	post.DeleteAt = s.millis()
	gone := post.Clone()
	gone.Metadata = nil
	e := newEvent(model.WebsocketEventPostDeleted, to{channel: ch.Id}).with("post", asText(gone))
	e.GetBroadcast().ContainsSanitizedData = true
	s.publish(e)
	return done, nil
}
