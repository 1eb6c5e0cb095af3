package gofunc

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"

	"parley.example/parley/internal/call"
)

// told reports whether err only says that ctx has ended.
func told(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx)))
}

// failed is the failure of a step that returned err.
func (st *step) failed(hook call.Hook, size int, err error) *call.FunctionError {
	return &call.FunctionError{Hook: hook, Message: st.name + ": " + oneLine(err.Error()), Bytes: size}
}

// stopped is the failure of a step that did not return. cause is what it
// panicked with; nil if it ended its goroutine. It must be called by a deferred
// function, while the stack of the step still stands.
func (st *step) stopped(hook call.Hook, size int, cause any) *call.FunctionError {
	text := "panic: " + fmt.Sprint(cause)
	if cause == nil {
		text = "it called runtime.Goexit"
	}
	message := st.name + ": " + oneLine(text)
	return &call.FunctionError{Hook: hook, Message: message, Traceback: traceback() + message, Bytes: size}
}

// oneLine joins the lines of text that are not empty.
func oneLine(text string) string {
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
	return strings.Join(lines, "; ")
}

// own is what the names of this package's functions begin with.
var own = reflect.TypeFor[Runtime]().PkgPath() + "."

// traceback shows the user's part of the stack, two lines for each call, the
// innermost first: what lies between the panic and this package.
func traceback() string {
	pcs := make([]uintptr, 100)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs)])
	var b strings.Builder
	for begun, more := false, true; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		switch {
		case frame.Function == "runtime.gopanic", frame.Function == "runtime.Goexit":
			begun = true
		case !begun, b.Len() == 0 && strings.HasPrefix(frame.Function, "runtime."):
		case strings.HasPrefix(frame.Function, own) && !strings.HasPrefix(frame.Function, own+"(*Conn)."):
			return b.String()
		default:
			fmt.Fprintf(&b, "%s\n    %s:%d\n", frame.Function, frame.File, frame.Line)
		}
	}
	return b.String()
}
