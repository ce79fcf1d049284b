//! How a world comes to rest.

/// Does one round after the other until so many in a row find nothing to do. `round` says whether there was something. A loop that goes on past `most`
/// rounds is one that never ends.
pub(super) fn until_rest(
    most: usize,
    in_a_row: usize,
    mut round: impl FnMut() -> Result<bool, String>,
) -> Result<(), String> {
    let mut rested = 0;
    for _ in 0..most {
        rested = if round()? { 0 } else { rested + 1 };
        if rested == in_a_row {
            return Ok(());
        }
    }
    Err("it never comes to rest".into())
}
