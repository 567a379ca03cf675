package signet

import (
	"regexp"
	"strings"
)

// bareItem is an Item of RFC 8941 without its parameters.
type bareItem struct {
	// kind is integer, decimal, string, token, bytes or boolean.
	kind string
	// value is the content of a string, the base64 of bytes, true or false; for other types the text as received.
	value string
}

// parameter keeps the order of parameters.
type parameter struct {
	name string
	item bareItem
}

type item struct {
	bare       bareItem
	parameters []parameter
}

// member of a dictionary: an inner list, or one item.
type member struct {
	isList bool
	items  []item
	// parameters of the inner list, or of the item.
	parameters []parameter
	bare       bareItem
}

type namedMember struct {
	name string
	member
}

func parameterNamed(parameters []parameter, name string) (bareItem, bool) {
	for _, each := range parameters {
		if each.name == name {
			return each.item, true
		}
	}
	return bareItem{}, false
}

func memberNamed(dictionary []namedMember, name string) *member {
	for i := range dictionary {
		if dictionary[i].name == name {
			return &dictionary[i].member
		}
	}
	return nil
}

// parseDictionary is stricter than RFC 8941 in two points, so that two parsers never read one text differently: a key is there once, in the
// dictionary and in parameters, and base64 is canonical.
func parseDictionary(text string) ([]namedMember, bool) {
	s := &scanner{rest: strings.Trim(text, " ")}
	dictionary := s.dictionary()
	return dictionary, !s.failed
}

var stringEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// serializeString writes printable ASCII as a String.
func serializeString(text string) string { return `"` + stringEscapes.Replace(text) + `"` }

var (
	sfKey     = regexp.MustCompile(`^[a-z*][a-z0-9_\-.*]*`)
	sfNumber  = regexp.MustCompile(`^-?(?:[0-9]{1,12}\.[0-9]{1,3}|[0-9]{1,15})`)
	sfString  = regexp.MustCompile(`^"((?:[ !#-\[\]-~]|\\["\\])*)"`)
	sfToken   = regexp.MustCompile("^[A-Za-z*][!#$%&'*+\\-.^_`|~0-9A-Za-z:/]*")
	sfBytes   = regexp.MustCompile(`^:([A-Za-z0-9+/=]*):`)
	sfBoolean = regexp.MustCompile(`^\?([01])`)
	sfComma   = regexp.MustCompile(`^[ \t]*,[ \t]*`)
	sfSpaces  = regexp.MustCompile(`^ *`)
	sfTrue    = bareItem{"boolean", "true"}
	unescape  = regexp.MustCompile(`\\(.)`)
)

type scanner struct {
	rest   string
	failed bool
}

func (s *scanner) dictionary() []namedMember {
	var members []namedMember
	for !s.failed && s.rest != "" {
		if len(members) > 0 {
			s.need(sfComma)
		}
		key := s.need(sfKey)
		if memberNamed(members, key) != nil {
			s.failed = true
		}
		value := member{bare: sfTrue}
		switch {
		case !s.skip('='):
			value.parameters = s.parameters()
		case strings.HasPrefix(s.rest, "("):
			value = s.innerList()
		default:
			one := s.item()
			value = member{bare: one.bare, parameters: one.parameters}
		}
		members = append(members, namedMember{key, value})
	}
	return members
}

func (s *scanner) innerList() member {
	list := member{isList: true}
	s.skip('(')
	for {
		spaces := s.need(sfSpaces)
		if s.failed {
			return list
		}
		if s.skip(')') {
			list.parameters = s.parameters()
			return list
		}
		// Two items are separated by at least one space.
		if len(list.items) > 0 && spaces == "" {
			s.failed = true
			return list
		}
		list.items = append(list.items, s.item())
	}
}

func (s *scanner) item() item {
	bare := s.bareItem()
	return item{bare, s.parameters()}
}

func (s *scanner) parameters() []parameter {
	var parameters []parameter
	for s.skip(';') {
		s.need(sfSpaces)
		key := s.need(sfKey)
		if _, known := parameterNamed(parameters, key); known {
			s.failed = true
		}
		value := sfTrue
		if s.skip('=') {
			value = s.bareItem()
		}
		parameters = append(parameters, parameter{key, value})
	}
	return parameters
}

func (s *scanner) bareItem() bareItem {
	if s.rest == "" {
		s.failed = true
		return bareItem{}
	}
	switch first := s.rest[0]; {
	case first == '"':
		return bareItem{"string", unescape.ReplaceAllString(s.need(sfString), "$1")}
	case first == ':':
		value := s.need(sfBytes)
		if _, ok := strictBase64(value); !ok {
			s.failed = true
		}
		return bareItem{"bytes", value}
	case first == '?':
		if s.need(sfBoolean) == "1" {
			return sfTrue
		}
		return bareItem{"boolean", "false"}
	case first == '-' || first >= '0' && first <= '9':
		number := s.need(sfNumber)
		if s.rest != "" && strings.ContainsAny(s.rest[:1], "0123456789.") {
			s.failed = true
		}
		if strings.Contains(number, ".") {
			return bareItem{"decimal", number}
		}
		return bareItem{"integer", number}
	}
	return bareItem{"token", s.need(sfToken)}
}

func (s *scanner) skip(char byte) bool {
	if s.failed || s.rest == "" || s.rest[0] != char {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// need reads what the pattern matches here, or what is in its parentheses. Without a match, the text as a whole is refused.
func (s *scanner) need(pattern *regexp.Regexp) string {
	match := pattern.FindStringSubmatch(s.rest)
	if s.failed || match == nil {
		s.failed = true
		return ""
	}
	s.rest = s.rest[len(match[0]):]
	return match[len(match)-1]
}
