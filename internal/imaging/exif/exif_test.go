package exif

import (
	"encoding/binary"
	"reflect"
	"testing"
)

// An entry is one of a directory that a test writes.
type entry struct {
	tag, kind uint16
	n         uint32
	data      []byte
}

// build writes a TIFF structure of three directories.
func build(order binary.AppendByteOrder, main, camera, place []entry) []byte {
	b := []byte("II*\x00")
	if order.String() == "BigEndian" {
		b = []byte("MM\x00*")
	}
	b = order.AppendUint32(b, 8)
	at := 8
	size := func(entries []entry) int {
		n := 2 + 12*len(entries) + 4
		for _, e := range entries {
			if len(e.data) > 4 {
				n += len(e.data)
			}
		}
		return n
	}
	cameraAt := at + size(main) + 24
	placeAt := cameraAt + size(camera)
	main = append(main,
		entry{tagExif, typeLong, 1, order.AppendUint32(nil, uint32(cameraAt))},
		entry{tagGPS, typeLong, 1, order.AppendUint32(nil, uint32(placeAt))})
	for _, entries := range [][]entry{main, camera, place} {
		data := len(b) + 2 + 12*len(entries) + 4
		var tail []byte
		b = order.AppendUint16(b, uint16(len(entries)))
		for _, e := range entries {
			b = order.AppendUint16(b, e.tag)
			b = order.AppendUint16(b, e.kind)
			b = order.AppendUint32(b, e.n)
			if len(e.data) > 4 {
				b = order.AppendUint32(b, uint32(data+len(tail)))
				tail = append(tail, e.data...)
			} else {
				b = append(b, append(e.data, make([]byte, 4-len(e.data))...)...)
			}
		}
		b = append(append(b, 0, 0, 0, 0), tail...)
	}
	return b
}

func sample(order binary.AppendByteOrder) []byte {
	ascii := func(tag uint16, s string) entry { return entry{tag, typeASCII, uint32(len(s) + 1), []byte(s + "\x00")} }
	rational := func(tag uint16, v ...uint32) entry {
		var b []byte
		for _, n := range v {
			b = order.AppendUint32(b, n)
		}
		return entry{tag, typeRational, uint32(len(v) / 2), b}
	}
	return build(order,
		[]entry{
			ascii(tagMake, "Camera Works "), ascii(tagModel, "C1"),
			{tagOrientation, typeShort, 1, order.AppendUint16(nil, 6)},
			ascii(tagDateTime, "2026:11:23 08:00:00"),
		},
		[]entry{{tagVersion, typeUndefined, 4, []byte("0230")}, rational(tagFocalLength, 399, 100)},
		[]entry{
			ascii(tagLatitudeRef, "N"), rational(tagLatitude, 36, 1, 40, 1, 1234, 100), ascii(tagLongitudeRef, "E"),
			rational(tagLongitude, 117, 1, 0, 1, 1, 1),
			{tagAltitudeRef, typeByte, 1, []byte{0}},
			rational(tagAltitude, 57, 1),
		})
}

func TestParse(t *testing.T) {
	want := Data{
		Orientation: 6, Make: "Camera Works", Model: "C1", DateTime: "2026:11:23 08:00:00", Version: "2.3", FocalLength: "399/100",
		LatitudeRef: "N", Latitude: "36/1 40/1 1234/100", LongitudeRef: "E", Longitude: "117/1 0/1 1/1", AltitudeRef: "0", Altitude: "57/1",
	}
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		if got := Parse(sample(order)); !reflect.DeepEqual(got, want) {
			t.Errorf("%v: got %+v; want %+v", order, got, want)
		}
	}
}

func TestDamagedDataIsLeftOut(t *testing.T) {
	whole := sample(binary.LittleEndian)
	for n := range whole {
		Parse(whole[:n])
	}
	bad := build(binary.LittleEndian, []entry{
		{tagMake, typeASCII, 0xffffffff, []byte("aaaaaaaa")},
		{tagModel, 99, 1, []byte("x")},
		{tagOrientation, typeShort, 1, []byte{9, 0}},
		{tagDateTime, typeASCII, 4, []byte("a\x01b\xff")},
	}, nil, nil)
	if got, want := Parse(bad), (Data{DateTime: "ab"}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v; want %+v", got, want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample(binary.LittleEndian))
	f.Add(sample(binary.BigEndian))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := Parse(b)
		for _, s := range []string{d.Make, d.Model, d.DateTime, d.Version, d.Latitude} {
			if len(s) > maxText {
				t.Errorf("a text has %d bytes", len(s))
			}
		}
		if d.Orientation < 0 || d.Orientation > 8 {
			t.Errorf("orientation is %d", d.Orientation)
		}
	})
}
