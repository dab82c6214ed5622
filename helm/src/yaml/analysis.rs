//! Which styles of a scalar are possible, as libyaml decides it.

use super::dialect::Dialect;
use super::scanner::{break_width, character_width};

/// The styles that a text allows.
pub(super) struct Analysis {
    pub(super) multiline: bool,
    pub(super) plain_allowed: bool,
    pub(super) single_quoted_allowed: bool,
    pub(super) block_allowed: bool,
}

/// The styles of an empty text.
const EMPTY: Analysis = Analysis {
    multiline: false,
    plain_allowed: true,
    single_quoted_allowed: true,
    block_allowed: false,
};

pub(super) fn analyze(value: &[u8], dialect: Dialect) -> Analysis {
    if value.is_empty() {
        return EMPTY;
    }
    let mut indicators = value.starts_with(b"---") || value.starts_with(b"...");
    let (mut line_breaks, mut special, mut tabs) = (false, false, false);
    let (mut leading, mut trailing_space, mut trailing_break) = (false, false, false);
    let (mut break_space, mut space_break) = (false, false);
    let (mut previous_space, mut previous_break, mut after_blank) = (false, false, true);
    let mut index = 0;
    while index < value.len() {
        let width = character_width(value[index]);
        let next = index + width;
        let before_blank = next >= value.len() || matches!(value[next], b' ' | b'\t');
        indicators |= match value[index] {
            first if index == 0 && starts_with_indicator(first, before_blank) => true,
            b':' => before_blank,
            b'#' => after_blank,
            _ => false,
        };
        if value[index] == b'\t' && dialect == Dialect::Pretty {
            // The newer emitter allows tabs in blocks.
            tabs = true;
        } else {
            special |= !is_printable(&value[index..]);
        }
        let is_break = break_width(&value[index..]) > 0;
        if value[index] == b' ' {
            leading |= index == 0;
            trailing_space |= next == value.len();
            break_space |= previous_break;
        } else if is_break {
            line_breaks = true;
            leading |= index == 0;
            trailing_break |= next == value.len();
            space_break |= previous_space;
        }
        previous_space = value[index] == b' ';
        previous_break = is_break;
        after_blank = is_break || matches!(value[index], b' ' | b'\t' | 0);
        index = next;
    }
    Analysis {
        multiline: line_breaks,
        plain_allowed: !(leading
            || trailing_space
            || trailing_break
            || break_space
            || space_break
            || special
            || tabs
            || line_breaks
            || indicators),
        single_quoted_allowed: !(break_space || space_break || special || tabs),
        block_allowed: !(trailing_space || space_break || special),
    }
}

/// True if a plain scalar cannot start with this character.
fn starts_with_indicator(first: u8, before_blank: bool) -> bool {
    match first {
        b'#' | b',' | b'[' | b']' | b'{' | b'}' | b'&' | b'*' | b'!' | b'|' | b'>' | b'\''
        | b'"' | b'%' | b'@' | b'`' => true,
        b'?' | b'-' => before_blank,
        _ => false,
    }
}

/// Both emitters escape all characters outside of the basic plane.
pub(super) fn is_printable(value: &[u8]) -> bool {
    match value {
        [0x0A | 0x20..=0x7E, ..] => true,
        [0xC2, second, ..] => *second >= 0xA0,
        [0xC3..=0xEC | 0xEE, ..] => true,
        [0xED, second, ..] => *second < 0xA0,
        [0xEF, 0xBB, 0xBF, ..] | [0xEF, 0xBF, 0xBE | 0xBF, ..] => false,
        [0xEF, ..] => true,
        _ => false,
    }
}
