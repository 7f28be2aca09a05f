package store

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/oisproject/ois/internal/blob"
)

// The first byte of a key says what its row is; docs/format.md tells the rest.
const (
	kindBucket  = 'b' // b <bucket name>                         bucketRow
	kindLive    = 'i' // i <bucket id>                           bucket name; there while the bucket takes writes
	kindObject  = 'o' // o <bucket id> <object key>              objectRow
	kindVersion = 'v' // v <bucket id> <escaped key> 00 00 <age>   objectRow of what is not current, or of the current delete marker
	kindUpload  = 'u' // u <bucket id> <escaped key> 00 00 <ref> uploadRow
	kindData    = 'd' // d <ref>                                 bytes of a small object
	kindPart    = 'p' // p <ref of upload or object> <number>    partRow
	kindRef     = 'r' // r <blob id> <ref>                       empty: ref needs the blob
	kindGarbage = 'g' // g <due> <ref>                           garbageRow: what ref held is to be given back
	kindCounter = 'c' // c <bucket id> <class> <what>            counter
	kindEpoch   = 'l' // l <epoch>                               epochRow
	kindUser    = 'w' // w <user id>                             userRow
	kindKey     = 'k' // k <access key id>                       keyRow
	kindScrub   = 's' // s                                       scrubRow: how far the scrub has come
	kindSetting = 'm' // m <bucket id> <setting>                 what the owner has set, in JSON
	kindJob     = 'j' // j <name of the job>                     jobRow: its last run
	kindEvent   = 'e' // e <bucket id> <escaped rule> 00 00 <ref> Event: what a rule of notification is to be told
	kindReplica = 'q' // q <bucket id> <object key>              replicaRow: a copy elsewhere is not up to date
	kindDomain  = 'n' // n <domain>                              domainRow
	kindSeal    = 'y' // y                                       sealRow: how secrets are sealed
)

// A ref names one stored incarnation of an object, a part or an upload. It
// starts with the time of its making in milliseconds, so that refs sort by age, and is never reused.
type ref [refLen]byte

const refLen = 16

// String returns the ref as 32 hexadecimal digits, which is the form of an upload id.
func (r ref) String() string { return hex.EncodeToString(r[:]) }

// parseRef decodes an upload id.
func parseRef(s string) (r ref, ok bool) {
	if len(s) != 2*refLen {
		return r, false
	}
	_, err := hex.Decode(r[:], []byte(s))
	return r, err == nil && s == r.String()
}

func makeRef(ms int64, epoch uint32, seq uint64) (r ref) {
	binary.BigEndian.PutUint64(r[:8], uint64(ms)<<16|uint64(epoch)>>16)
	binary.BigEndian.PutUint64(r[8:], uint64(epoch)<<48|seq&(1<<48-1))
	return r
}

func bucketKey(name string) []byte { return append([]byte{kindBucket}, name...) }

func numberKey(kind byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{kind}, n)
}

func settingKey(bucket uint64, s setting) []byte {
	return append(numberKey(kindSetting, bucket), byte(s))
}

func liveKey(bucket uint64) []byte { return numberKey(kindLive, bucket) }

func objectKey(bucket uint64, key string) []byte {
	b := make([]byte, 0, 9+len(key))
	b = append(b, kindObject)
	b = binary.BigEndian.AppendUint64(b, bucket)
	return append(b, key...)
}

// uploadPrefix ends a key with 00 00 and escapes its zero bytes as 00 01, so
// that uploads sort by key first, whatever bytes a key has.
func uploadPrefix(bucket uint64, key string) []byte {
	return append(appendEscaped(numberKey(kindUpload, bucket), key), 0, 0)
}

func appendEscaped(b []byte, key string) []byte {
	for i := range len(key) {
		b = append(b, key[i])
		if key[i] == 0 {
			b = append(b, 1)
		}
	}
	return b
}

func uploadKey(bucket uint64, key string, id ref) []byte {
	return append(uploadPrefix(bucket, key), id[:]...)
}

// splitUploadKey takes an upload's row key apart.
func splitUploadKey(k []byte) (key string, id ref, err error) {
	if len(k) < 9+2+refLen || k[0] != kindUpload {
		return "", id, fmt.Errorf("upload row key %q: too short", k)
	}
	esc, tail := k[9:len(k)-refLen], k[len(k)-refLen:]
	if !bytes.HasSuffix(esc, []byte{0, 0}) {
		return "", id, fmt.Errorf("upload row key %q: no end of the object key", k)
	}
	copy(id[:], tail)
	return string(bytes.ReplaceAll(esc[:len(esc)-2], []byte{0, 1}, []byte{0})), id, nil
}

func dataKey(owner ref) []byte { return append([]byte{kindData}, owner[:]...) }

func partPrefix(owner ref) []byte { return append([]byte{kindPart}, owner[:]...) }

func partKey(owner ref, number uint32) []byte {
	return binary.BigEndian.AppendUint32(partPrefix(owner), number)
}

func partNumber(k []byte) (uint32, error) {
	if len(k) != 1+refLen+4 {
		return 0, fmt.Errorf("part row key %q: %d bytes, want %d", k, len(k), 1+refLen+4)
	}
	return binary.BigEndian.Uint32(k[1+refLen:]), nil
}

func blobPrefix(id blob.ID) []byte { return id.Append([]byte{kindRef}) }

func refKey(id blob.ID, owner ref) []byte { return append(blobPrefix(id), owner[:]...) }

// A holder is a reference: owner needs the blob.
type holder struct {
	blob  blob.ID
	owner ref
}

// holderOf decodes a reference row's key.
func holderOf(k []byte) (h holder, err error) {
	if len(k) != 1+blob.IDLen+refLen {
		return h, fmt.Errorf("reference row key %q: %d bytes, want %d", k, len(k), 1+blob.IDLen+refLen)
	}
	h.owner = ref(k[1+blob.IDLen:])
	h.blob, err = blob.ParseID(k[1 : 1+blob.IDLen])
	return h, err
}

// garbageKey leaves room for a due time: an engine in one process needs none,
// since readers pin what they read, so it is zero here.
func garbageKey(owner ref) []byte {
	return append(numberKey(kindGarbage, 0), owner[:]...)
}

// garbageOf returns the ref in a garbage row's key.
func garbageOf(k []byte) (owner ref, err error) {
	if len(k) != 9+refLen {
		return owner, fmt.Errorf("garbage row key %q: %d bytes, want %d", k, len(k), 9+refLen)
	}
	return ref(k[9:]), nil
}

// What a counter counts.
const (
	countObjects = 'n'
	countBytes   = 's'
)

func counterKey(bucket uint64, class storageClass, what byte) []byte {
	return append(numberKey(kindCounter, bucket), byte(class), what)
}

func epochKey(epoch uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{kindEpoch}, epoch)
}

// epochOf returns the number in an epoch row's key.
func epochOf(k []byte) (uint32, error) {
	if len(k) != 5 {
		return 0, fmt.Errorf("epoch row key %q: %d bytes, want 5", k, len(k))
	}
	return binary.BigEndian.Uint32(k[1:]), nil
}

func userKey(id string) []byte { return append([]byte{kindUser}, id...) }

func scrubKey() []byte { return []byte{kindScrub} }

func jobKey(name string) []byte      { return append([]byte{kindJob}, name...) }
func domainKey(domain string) []byte { return append([]byte{kindDomain}, domain...) }
func sealKey() []byte                { return []byte{kindSeal} }

func accessKey(id string) []byte { return append([]byte{kindKey}, id...) }

// successor returns the first key after all keys that start with prefix, or
// nil if there is none.
func successor(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}
