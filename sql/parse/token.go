package parse

// kind is the kind of a token.
type kind uint8

const (
	end      kind = iota // end of input
	word                 // an unquoted word, folded to lower case
	quoted               // a "quoted" identifier
	str                  // any string constant, decoded
	bits                 // B'..' or X'..'; the value starts with b or x
	number               // a number without underscores, integers in decimal
	param                // $n; the value is n
	operator             // an operator; != is given as <>
	punct                // ( ) [ ] { } , ; . : :: := .. =>
)

// token is a piece of the input; pos and end are byte offsets into it.
type token struct {
	kind kind
	pos  int32
	end  int32
	val  string
}

func (t token) isPunct(v string) bool { return t.kind == punct && t.val == v }

func (t token) isWord(v string) bool { return t.kind == word && t.val == v }

func (t token) isOp(v string) bool { return t.kind == operator && t.val == v }

// isName says that the token is a word or a quoted identifier.
func (t token) isName() bool { return t.kind == word || t.kind == quoted }
