package bench

import (
	"encoding/binary"
	"errors"
	"strconv"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protowire"
)

// grpc reads the messages of one server stream from the frames of an HTTP/2 connection of its own. grpc-go's client
// costs more per message than most servers do, so that it would measure itself.
type grpc struct {
	id      []byte
	partial []byte // the begin of a message that goes on in the next DATA frame
	unread  int    // bytes of DATA not yet given back to the windows
	answers []byte
	fields  *hpack.Decoder // of the connection: trailers may name what the header block named
}

const (
	frameHeader   = 9 // RFC 9113, section 4.1
	messageHeader = 5 // gRPC over HTTP/2, Length-Prefixed-Message
	// The windows are as large as they can be, so that what holds a server up is the socket alone; updates are rare.
	largestWindow = 1<<31 - 1
	firstWindow   = 65535
	giveBackAfter = 1 << 29
	subscribeID   = 1 // the stream
)

func (f *grpc) feed(data []byte, take func([]byte)) (int, error) {
	used := 0
	for len(data)-used >= frameHeader {
		header := data[used:]
		size := int(header[0])<<16 | int(header[1])<<8 | int(header[2])
		if len(header) < frameHeader+size {
			break
		}
		kind, flags := http2.FrameType(header[3]), http2.Flags(header[4])
		if err := f.frame(kind, flags, header[frameHeader:frameHeader+size], take); err != nil {
			return used, err
		}
		used += frameHeader + size
	}
	return used, nil
}

func (f *grpc) frame(kind http2.FrameType, flags http2.Flags, payload []byte, take func([]byte)) error {
	switch {
	case kind == http2.FrameData:
		f.unread += len(payload)
		if flags.Has(http2.FlagDataPadded) && len(payload) > 0 && int(payload[0]) < len(payload) {
			payload = payload[1 : len(payload)-int(payload[0])]
		}
		if err := f.messages(payload, take); err != nil {
			return err
		}
		if f.unread > giveBackAfter {
			f.answers = appendWindowUpdate(f.answers, 0, f.unread)
			f.answers = appendWindowUpdate(f.answers, subscribeID, f.unread)
			f.unread = 0
		}
		if flags.Has(http2.FlagDataEndStream) {
			return errEnded
		}
	case kind == http2.FrameHeaders:
		return f.trailers(flags, payload)
	case kind == http2.FrameRSTStream, kind == http2.FrameGoAway:
		return errEnded
	case kind == http2.FramePing && !flags.Has(http2.FlagPingAck):
		f.answers = append(appendFrameHeader(f.answers, len(payload), http2.FramePing, http2.FlagPingAck, 0), payload...)
	case kind == http2.FrameSettings && !flags.Has(http2.FlagSettingsAck):
		f.answers = appendFrameHeader(f.answers, 0, http2.FrameSettings, http2.FlagSettingsAck, 0)
	}
	return nil
}

// trailers end the stream. A server that answers through net/http sends its header block before it refuses.
func (f *grpc) trailers(flags http2.Flags, payload []byte) error {
	if flags.Has(http2.FlagHeadersPadded) || flags.Has(http2.FlagHeadersPriority) || !flags.Has(http2.FlagHeadersEndHeaders) {
		return errEnded // no server does; only why it ended is lost
	}
	fields, err := f.fields.DecodeFull(payload)
	if err != nil {
		return errEnded
	}
	text, status := "", ""
	for _, field := range fields {
		switch field.Name {
		case "grpc-status":
			status = field.Value
		case "grpc-message":
			text = field.Value
		}
	}
	if n, err := strconv.Atoi(status); err == nil && codes.Code(n) != codes.OK && codes.Code(n) != codes.Unavailable {
		return &RefusedError{"a subscription over gRPC", codes.Code(n).String() + " " + text}
	}
	return errEnded
}

// messages takes the messages out of a DATA frame's payload, which may begin and end within one.
func (f *grpc) messages(payload []byte, take func([]byte)) error {
	if len(f.partial) > 0 {
		f.partial = append(f.partial, payload...)
		payload = f.partial
	}
	var last []byte
	for len(payload) >= messageHeader {
		size := int(binary.BigEndian.Uint32(payload[1:]))
		if payload[0] != 0 {
			return errors.New("a gRPC message is compressed, which was not asked for")
		}
		if size > maxMessage {
			return errTooLarge
		}
		if len(payload) < messageHeader+size {
			break
		}
		last = payload[messageHeader : messageHeader+size]
		take(last)
		payload = payload[messageHeader+size:]
	}
	f.keepID(last)
	f.partial = append(f.partial[:0], payload...)
	return nil
}

// keepID finds the id in a leat.v1.SubscribeResponse: field 2 of the event, which is field 1.
func (f *grpc) keepID(message []byte) {
	event := protoField(message, 1)
	if id := protoField(event, 2); len(id) > 0 {
		f.id = append(f.id[:0], id...)
	}
}

func protoField(message []byte, want protowire.Number) []byte {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return nil
		}
		message = message[n:]
		if number == want && kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(message)
			return value
		}
		if n = protowire.ConsumeFieldValue(number, kind, message); n < 0 {
			return nil
		}
		message = message[n:]
	}
	return nil
}

func appendFrameHeader(to []byte, size int, kind http2.FrameType, flags http2.Flags, stream uint32) []byte {
	to = append(to, byte(size>>16), byte(size>>8), byte(size), byte(kind), byte(flags))
	return binary.BigEndian.AppendUint32(to, stream)
}

func appendWindowUpdate(to []byte, stream uint32, n int) []byte {
	return binary.BigEndian.AppendUint32(appendFrameHeader(to, 4, http2.FrameWindowUpdate, 0, stream), uint32(n))
}

func (f *grpc) position() []byte { return f.id }

func (f *grpc) owed() []byte {
	answers := f.answers
	f.answers = nil
	return answers
}
