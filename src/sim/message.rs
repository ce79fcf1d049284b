//! Messages that can be checked: who says what, as which number, at which moment, and nothing of it torn.

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A client's own, to its contract.
    Up,
    /// The first word on a connection: names it.
    Hello,
    /// An answer on the ordered lane.
    Ordered,
    /// A word on the urgent lane.
    Urgent,
    /// A subscription begins right behind this.
    Begin,
    /// A subscription has ended right before this.
    End,
    /// A value of a topic.
    Value,
    /// A remark on a topic that is no value.
    Notice,
    /// A value of one key of a topic.
    Keyed,
    /// A contract's own snapshot of a topic.
    Snapshot,
    /// Said by a contract that then panicked: nobody may ever see it.
    Never,
}

const KINDS: [(Kind, char); 11] = [
    (Kind::Up, 'M'),
    (Kind::Hello, 'H'),
    (Kind::Ordered, 'O'),
    (Kind::Urgent, 'U'),
    (Kind::Begin, 'B'),
    (Kind::End, 'E'),
    (Kind::Value, 'V'),
    (Kind::Notice, 'N'),
    (Kind::Keyed, 'K'),
    (Kind::Snapshot, 'S'),
    (Kind::Never, 'X'),
];

/// One message, as said and as heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) kind: Kind,
    /// The topic or connection it belongs to.
    pub(super) origin: u64,
    /// Counts up within its kind of lane: from 1 within a topic, an ordered lane, an urgent lane.
    pub(super) number: u64,
    /// Counts up over everything that anybody says.
    pub(super) stamp: u64,
    pub(super) key: u64,
}

impl Said {
    /// As text of about `size` bytes, with a checksum.
    pub(super) fn encode(&self, size: usize) -> String {
        let letter = KINDS.iter().find(|(kind, _)| *kind == self.kind).map_or('?', |(_, letter)| *letter);
        let mut text = format!("{letter} {} {} {} {} ", self.origin, self.number, self.stamp, self.key);
        // The filling differs from byte to byte and from message to message, so that no piece of one passes for another's.
        let mut filling = self.stamp.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        while text.len() + 9 < size {
            filling = filling.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            text.push(char::from(b'a' + ((filling >> 33) % 26) as u8));
        }
        let sum = checksum(text.as_bytes());
        text + &format!("#{sum:08x}")
    }

    /// `None` when it is torn, or none of ours.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (content, sum) = text.split_at_checked(text.len().checked_sub(9)?)?;
        if u32::from_str_radix(sum.strip_prefix('#')?, 16).ok()? != checksum(content.as_bytes()) {
            return None;
        }
        let mut words = content.split(' ');
        let letter = words.next()?;
        let kind = KINDS.iter().find(|(_, l)| letter.chars().eq([*l]))?.0;
        let mut number = || words.next()?.parse().ok();
        Some(Self { kind, origin: number()?, number: number()?, stamp: number()?, key: number()? })
    }
}

/// FNV-1a.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, &byte| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
