package types

// fieldKind is what a word of a date or time looks like before it is understood.
type fieldKind uint8

const (
	fNumber  fieldKind = iota // digits, may hold one dot
	fString                   // letters
	fDate                     // digits or letters joined by - / or .
	fTime                     // digits with colons
	fTZ                       // signed digits
	fSpecial                  // signed letters
)

type dtField struct {
	kind fieldKind
	text string // lower case
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isAlpha(c byte) bool { c |= 0x20; return c >= 'a' && c <= 'z' }
func isAlnum(c byte) bool { return isDigit(c) || isAlpha(c) }

func lowerByte(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// scanDateTime breaks the text of a date, time or interval into fields. The
// rules are those of Postgres's ParseDateTime. ok is false on a character that
// fits nowhere.
func scanDateTime(s string) (fields []dtField, ok bool) {
	const maxFields = 25
	if len(s) > 128 {
		return nil, false
	}
	lower := make([]byte, len(s))
	for i := range len(s) {
		lower[i] = lowerByte(s[i])
	}
	at := func(i int) byte {
		if i < len(lower) {
			return lower[i]
		}
		return 0
	}
	for i := 0; i < len(lower); {
		c := lower[i]
		if isSpace(c) {
			i++
			continue
		}
		start := i
		var kind fieldKind
		switch {
		case isDigit(c):
			kind, i = scanDigits(lower, i)
		case c == '.':
			kind = fNumber
			for i++; isDigit(at(i)); i++ {
			}
		case isAlpha(c):
			kind = fString
			for i++; isAlpha(at(i)); i++ {
			}
			isDate := at(i) == '-' || at(i) == '/' || at(i) == '.'
			if !isDate && (at(i) == '+' || isDigit(at(i))) {
				// A keyword ends here; anything else goes on as a zone name.
				_, known := dtWords[string(lower[start:i])]
				isDate = !known
			}
			if isDate {
				kind = fDate
				for i++; i < len(lower) && (isAlnum(lower[i]) || lower[i] == '+' || lower[i] == '-' || lower[i] == '/' || lower[i] == '_' || lower[i] == '.' || lower[i] == ':'); i++ {
				}
			}
		case c == '+' || c == '-':
			sign := c
			for i++; isSpace(at(i)); i++ {
			}
			body := i
			switch {
			case isDigit(at(i)):
				kind = fTZ
				for i++; isDigit(at(i)) || at(i) == ':' || at(i) == '.' || at(i) == '-'; i++ {
				}
			case isAlpha(at(i)):
				kind = fSpecial
				for i++; isAlpha(at(i)); i++ {
				}
			default:
				return nil, false
			}
			fields = append(fields, dtField{kind, string(sign) + string(lower[body:i])})
			if len(fields) > maxFields {
				return nil, false
			}
			continue
		case c < 0x80 && c > 0x20: // other punctuation is ignored
			i++
			continue
		default:
			return nil, false
		}
		fields = append(fields, dtField{kind, string(lower[start:i])})
		if len(fields) > maxFields {
			return nil, false
		}
	}
	return fields, true
}

// scanDigits reads a field that begins with a digit.
func scanDigits(s []byte, i int) (fieldKind, int) {
	at := func(i int) byte {
		if i < len(s) {
			return s[i]
		}
		return 0
	}
	for isDigit(at(i)) {
		i++
	}
	switch c := at(i); c {
	case ':':
		for isDigit(at(i)) || at(i) == ':' || at(i) == '.' {
			i++
		}
		return fTime, i
	case '-', '/', '.':
		i++
		if isDigit(at(i)) {
			kind := fDate
			if c == '.' {
				kind = fNumber
			}
			for isDigit(at(i)) {
				i++
			}
			if at(i) == c {
				kind = fDate
				for isDigit(at(i)) || at(i) == c {
					i++
				}
			}
			return kind, i
		}
		for isAlnum(at(i)) || at(i) == c {
			i++
		}
		return fDate, i
	}
	return fNumber, i
}

// dtWordKind is what a keyword of a date means.
type dtWordKind uint8

const (
	wMonth dtWordKind = iota
	wDay              // day of week: read and forgotten
	wZone             // abbreviation: value is seconds east of UTC
	wDST              // the word dst: one hour more
	wAMPM             // 0 am, 1 pm
	wEra              // 0 AD, 1 BC
	wSpecial
	wISOTime // t
	wUnit    // y m d h s j: prefix of a number
	wIgnore
)

type dtWord struct {
	kind  dtWordKind
	value int
}

const (
	specialNone = iota
	specialNow
	specialToday
	specialTomorrow
	specialYesterday
	specialEpoch
	specialPosInf
	specialNegInf
	specialAllballs
)

// dtWords are the keywords of dates; the zone abbreviations are the commoner
// ones of Postgres's Default set.
var dtWords = map[string]dtWord{
	"jan": {wMonth, 1}, "january": {wMonth, 1}, "feb": {wMonth, 2}, "february": {wMonth, 2},
	"mar": {wMonth, 3}, "march": {wMonth, 3}, "apr": {wMonth, 4}, "april": {wMonth, 4},
	"may": {wMonth, 5}, "jun": {wMonth, 6}, "june": {wMonth, 6}, "jul": {wMonth, 7}, "july": {wMonth, 7},
	"aug": {wMonth, 8}, "august": {wMonth, 8}, "sep": {wMonth, 9}, "sept": {wMonth, 9}, "september": {wMonth, 9},
	"oct": {wMonth, 10}, "october": {wMonth, 10}, "nov": {wMonth, 11}, "november": {wMonth, 11},
	"dec": {wMonth, 12}, "december": {wMonth, 12},

	"sun": {wDay, 0}, "sunday": {wDay, 0}, "mon": {wDay, 1}, "monday": {wDay, 1}, "tue": {wDay, 2}, "tues": {wDay, 2},
	"tuesday": {wDay, 2}, "wed": {wDay, 3}, "weds": {wDay, 3}, "wednesday": {wDay, 3}, "thu": {wDay, 4},
	"thur": {wDay, 4}, "thurs": {wDay, 4}, "thursday": {wDay, 4}, "fri": {wDay, 5}, "friday": {wDay, 5},
	"sat": {wDay, 6}, "saturday": {wDay, 6},

	"am": {wAMPM, 0}, "pm": {wAMPM, 1}, "ad": {wEra, 0}, "bc": {wEra, 1},
	"now": {wSpecial, specialNow}, "today": {wSpecial, specialToday}, "tomorrow": {wSpecial, specialTomorrow},
	"yesterday": {wSpecial, specialYesterday}, "epoch": {wSpecial, specialEpoch},
	"infinity": {wSpecial, specialPosInf}, "-infinity": {wSpecial, specialNegInf},
	"allballs": {wSpecial, specialAllballs},
	"t":        {wISOTime, 0}, "y": {wUnit, 'y'}, "m": {wUnit, 'm'}, "d": {wUnit, 'd'}, "h": {wUnit, 'h'}, "mm": {wUnit, 'n'}, "s": {wUnit, 's'},
	"j": {wUnit, 'j'}, "jd": {wUnit, 'j'}, "julian": {wUnit, 'j'},
	"at": {wIgnore, 0}, "on": {wIgnore, 0}, "dst": {wDST, 0},

	"z": {wZone, 0}, "zulu": {wZone, 0}, "utc": {wZone, 0}, "ut": {wZone, 0}, "gmt": {wZone, 0}, "uct": {wZone, 0},
	"wet": {wZone, 0}, "west": {wZone, 3600}, "wetdst": {wZone, 3600}, "bst": {wZone, 3600}, "bdst": {wZone, 7200},
	"cet": {wZone, 3600}, "cest": {wZone, 7200}, "cetdst": {wZone, 7200}, "met": {wZone, 3600}, "mest": {wZone, 7200},
	"eet": {wZone, 7200}, "eest": {wZone, 10800}, "sast": {wZone, 7200}, "eat": {wZone, 10800}, "ist": {wZone, 7200}, "idt": {wZone, 10800},
	"msk": {wZone, 10800}, "msd": {wZone, 14400}, "gst": {wZone, 14400}, "pkt": {wZone, 18000}, "uzt": {wZone, 18000},
	"npt": {wZone, 20700}, "bdt": {wZone, 21600}, "mmt": {wZone, 23400}, "ict": {wZone, 25200}, "wib": {wZone, 25200},
	"hkt": {wZone, 28800}, "sgt": {wZone, 28800}, "myt": {wZone, 28800}, "pht": {wZone, 28800}, "awst": {wZone, 28800}, "ulat": {wZone, 28800},
	"jst": {wZone, 32400}, "kst": {wZone, 32400}, "acst": {wZone, 34200}, "acdt": {wZone, 37800},
	"aest": {wZone, 36000}, "aedt": {wZone, 39600}, "aesst": {wZone, 39600}, "lhst": {wZone, 37800}, "nzst": {wZone, 43200}, "nzdt": {wZone, 46800},
	"nst": {wZone, -12600}, "ndt": {wZone, -9000}, "ast": {wZone, -14400}, "adt": {wZone, -10800}, "brt": {wZone, -10800}, "brst": {wZone, -7200},
	"clt": {wZone, -14400}, "clst": {wZone, -10800}, "cot": {wZone, -18000}, "pet": {wZone, -18000}, "art": {wZone, -10800}, "uyt": {wZone, -10800},
	"est": {wZone, -18000}, "edt": {wZone, -14400}, "cst": {wZone, -21600}, "cdt": {wZone, -18000},
	"mst": {wZone, -25200}, "mdt": {wZone, -21600}, "pst": {wZone, -28800}, "pdt": {wZone, -25200},
	"akst": {wZone, -32400}, "akdt": {wZone, -28800}, "hst": {wZone, -36000},
}
