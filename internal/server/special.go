package server

import (
	"net/http"

	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/wire"
)

// asksHealth reports whether this is the probe of a balancer. No bucket can be called "-".
func (x *exchange) asksHealth() bool {
	return x.path == "/-/health" && !x.address.Virtual &&
		(x.r.Method == http.MethodGet || x.r.Method == http.MethodHead)
}

// health says that the server takes requests.
func (x *exchange) health() error {
	if err := x.Ready(); err != nil {
		return err
	}
	x.w.Header().Set("Content-Type", wire.PlainType)
	_, err := x.w.Write([]byte("ready\n"))
	return err
}

// asksZone reports whether a client wants to know the zone of a bucket: by an unsigned
// HEAD of the bucket at a host of the service that names no zone.
func (x *exchange) asksZone() bool {
	_, signed := x.r.Header["Authorization"]
	return x.r.Method == http.MethodHead && !signed && x.address.Zoneless &&
		x.address.Level() == op.LevelBucket && x.rawQuery == ""
}

// redirect tells the zone of a bucket by the host of a Location. The client sends no
// signature, so this comes before authentication; it tells no more than HEAD of the
// bucket's own address does.
func (x *exchange) redirect() error {
	b, err := x.store.Bucket(x.context(), x.address.Bucket)
	if err != nil {
		return err
	}
	host := x.hosts.ZoneHost(x.r.Host, &x.address, b.Info().Zone)
	status, path := http.StatusMovedPermanently, "/"+x.address.Bucket
	if x.address.Virtual {
		status, path = http.StatusTemporaryRedirect, "/"
	}
	h := x.w.Header()
	h.Set("Location", x.scheme()+"://"+host+path)
	h.Set("Content-Type", wire.PlainType)
	h.Set("Content-Length", "0")
	x.w.WriteHeader(status)
	return nil
}
