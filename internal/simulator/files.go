package simulator

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/mattermost/mattermost/server/public/model"
)

// maximumFile is FileSettings.MaxFileSize, in bytes.
const maximumFile = 100 << 20

// file is an upload. Neither it nor its bytes change any more.
type file struct {
	model.FileInfo
	data []byte
}

// uploadFiles takes a form with files, or one file as the whole body.
func (s *Server) uploadFiles(c *call) (any, error) {
	form, err := uploadOf(c)
	if err != nil {
		return nil, err
	}
	ch := s.channels[form.channel]
	if ch == nil || ch.members[c.user.Id] == nil {
		return nil, refusePermission
	}
	answer := model.FileUploadResponse{FileInfos: []*model.FileInfo{}, ClientIds: form.clients}
	for _, f := range form.files {
		f.Id, f.CreatorId, f.ChannelId, f.CreateAt = model.NewId(), c.user.Id, ch.Id, s.millis()
		f.UpdateAt, f.RemoteId = f.CreateAt, model.NewPointer("")
		s.files[f.Id] = f
		answer.FileInfos = append(answer.FileInfos, &f.FileInfo)
	}
	return answer, nil
}

// upload is what a request brings.
type upload struct {
	channel string
	clients []string
	files   []*file
}

func uploadOf(c *call) (upload, error) {
	kind, parameters, _ := mime.ParseMediaType(c.Header.Get("Content-Type"))
	if kind == "multipart/form-data" {
		return readForm(multipart.NewReader(bytes.NewReader(c.body), parameters["boundary"]))
	}
	query := c.URL.Query()
	if c.body == nil {
		return upload{}, refuseFileSize
	}
	return upload{query.Get("channel_id"), []string{query.Get("client_id")}, []*file{newFile(query.Get("filename"), c.body)}}, nil
}

func readForm(form *multipart.Reader) (up upload, err error) {
	up.clients = []string{}
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return up, nil
		}
		if err != nil {
			return upload{}, refuseForm
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return upload{}, refuseForm
		}
		switch part.FormName() {
		case "channel_id":
			up.channel = string(data)
		case "client_ids":
			up.clients = append(up.clients, string(data))
		case "files":
			up.files = append(up.files, newFile(part.FileName(), data))
		}
	}
}

func newFile(name string, data []byte) *file {
	extension := strings.TrimPrefix(path.Ext(name), ".")
	kind := mime.TypeByExtension("." + extension)
	if kind == "" {
		kind = "application/octet-stream"
	}
	return &file{data: data, FileInfo: model.FileInfo{Name: name, Extension: extension, Size: int64(len(data)), MimeType: kind}}
}

// readableFile is the file of the path, for who may read where it was posted.
func (s *Server) readableFile(c *call) (*file, error) {
	f := s.files[c.params["file"]]
	if f == nil {
		return nil, refuseFile
	}
	if ch := s.channels[f.ChannelId]; ch == nil || ch.members[c.user.Id] == nil {
		return nil, refusePermission
	}
	return f, nil
}

func (s *Server) getFile(c *call) (any, error) {
	f, err := s.readableFile(c)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (s *Server) getFileInfo(c *call) (any, error) {
	f, err := s.readableFile(c)
	if err != nil {
		return nil, err
	}
	c.w.Header().Set("Cache-Control", "max-age=2592000, private")
	return &f.FileInfo, nil
}

// serve sends the bytes, or those that were asked for. Nobody may frame them.
func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	disposition := "inline"
	if r.URL.Query().Get("download") == "true" || !strings.HasPrefix(f.MimeType, "image/") {
		disposition = "attachment"
	}
	name := url.PathEscape(f.Name)
	h := w.Header()
	h.Set("Cache-Control", "private, no-cache")
	h.Set("Content-Length", strconv.Itoa(len(f.data)))
	h.Set("Content-Type", f.MimeType)
	h.Set("Content-Disposition", disposition+`;filename="`+name+`"; filename*=UTF-8''`+name)
	h.Set("X-Frame-Options", "DENY")
	h.Set("Content-Security-Policy", "Frame-ancestors 'none'")
	http.ServeContent(w, r, "", time.UnixMilli(f.UpdateAt), bytes.NewReader(f.data))
}
