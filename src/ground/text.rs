//! Text of which only so much may go on.

/// As much of the beginning of `text` as fits `bytes_max`, in whole characters.
pub(crate) fn cut(text: &str, bytes_max: usize) -> &str {
    let end = (0..=text.len().min(bytes_max)).rev().find(|&at| text.is_char_boundary(at));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_characters_are_kept() {
        assert_eq!(cut("로봇", 6), "로봇");
        assert_eq!(cut("로봇", 5), "로");
        assert_eq!(cut("로봇", 2), "");
        assert_eq!(cut("", 2), "");
    }
}
