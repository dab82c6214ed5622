//! The names that Go knows in `\p{…}`.

/// The general categories by their short names.
const CATEGORIES: &str = "c cc cf cn co l lc ll lm lo lt lu m mc me mn n nd nl no p pc pd pe pf pi po ps s sc sk sm so \
    z zl zp zs";

/// The general categories by their other names, without separators.
const CATEGORY_ALIASES: &str = "casedletter closepunctuation cntrl combiningmark connectorpunctuation control \
    currencysymbol dashpunctuation decimalnumber digit enclosingmark finalpunctuation format initialpunctuation letter \
    letternumber lineseparator lowercaseletter mark mathsymbol modifierletter modifiersymbol nonspacingmark number \
    openpunctuation other otherletter othernumber otherpunctuation othersymbol paragraphseparator privateuse punct \
    punctuation separator spaceseparator spacingmark symbol titlecaseletter unassigned uppercaseletter";

/// The scripts. Go 1.26 does not find names of several words, because it drops the `_` before the lookup.
const SCRIPTS: &str = "adlam ahom arabic armenian avestan balinese bamum batak bengali bhaiksuki bopomofo brahmi braille \
    buginese buhid carian chakma cham cherokee chorasmian common coptic cuneiform cypriot cyrillic deseret devanagari \
    dogra duployan elbasan elymaic ethiopic georgian glagolitic gothic grantha greek gujarati gurmukhi han hangul \
    hanunoo hatran hebrew hiragana inherited javanese kaithi kannada katakana kawi kharoshthi khmer khojki khudawadi \
    lao latin lepcha limbu lisu lycian lydian mahajani makasar malayalam mandaic manichaean marchen medefaidrin miao \
    modi mongolian mro multani myanmar nabataean nandinagari newa nko nushu ogham oriya osage osmanya palmyrene \
    phoenician rejang runic samaritan saurashtra sharada shavian siddham sinhala sogdian soyombo sundanese syriac \
    tagalog tagbanwa takri tamil tangsa tangut telugu thaana thai tibetan tifinagh tirhuta toto ugaritic vai vithkuqi \
    wancho yezidi yi";

/// A set of characters with a name.
pub(super) enum Property {
    /// The name in `regex`.
    Named(String),
    /// This category does not exist in `regex`.
    Surrogates,
}

/// The property with this name in Go.
pub(super) fn property_of(name: &str) -> Option<Property> {
    let canonical: String = name
        .chars()
        .filter(|character| !matches!(character, '_' | '-' | ' '))
        .map(|character| character.to_ascii_lowercase())
        .collect();
    let is_one_of = |names: &str| names.split_whitespace().any(|known| known == canonical);
    if matches!(canonical.as_str(), "cs" | "surrogate") {
        return Some(Property::Surrogates);
    }
    let named = if matches!(canonical.as_str(), "any" | "ascii" | "assigned") {
        Some(canonical)
    } else if is_one_of(CATEGORIES) || is_one_of(CATEGORY_ALIASES) {
        Some(format!("gc={canonical}"))
    } else if is_one_of(SCRIPTS) {
        Some(format!("sc={canonical}"))
    } else {
        None
    };
    named.map(Property::Named)
}
