//! The flags of an example: `--listen`, `--help`, and whole numbers, words, lists and switches of its own.

use std::{net::SocketAddr, ops::RangeInclusive};

/// What flags an example takes.
pub(crate) struct Flags {
    name: &'static str,
    what: &'static str,
    listen: &'static str,
    numbers: Vec<Number>,
    words: Vec<Word>,
    lists: Vec<List>,
    switches: Vec<Switch>,
    notes: &'static str,
}

/// A flag for one of the words that it takes; for any if there are none.
struct Word {
    flag: &'static str,
    form: &'static str,
    meaning: &'static str,
    takes: &'static [&'static str],
    value: String,
}

/// A flag that may be given as often as one likes.
struct List {
    flag: &'static str,
    form: &'static str,
    meaning: &'static str,
    values: Vec<String>,
}

/// A flag without a value.
struct Switch {
    flag: &'static str,
    meaning: &'static str,
    given: bool,
}

struct Number {
    flag: &'static str,
    meaning: &'static str,
    range: RangeInclusive<u64>,
    value: u64,
}

/// What was given, with defaults in place of what was not.
pub(crate) struct Given {
    pub(crate) listen: Vec<String>,
    #[allow(dead_code, reason = "most examples take no number")]
    numbers: Vec<Number>,
    #[allow(dead_code, reason = "most examples take no word")]
    words: Vec<Word>,
    #[allow(dead_code, reason = "most examples take no list")]
    lists: Vec<List>,
    #[allow(dead_code, reason = "most examples take no switch")]
    switches: Vec<Switch>,
}

/// What stands behind a flag that takes a value. Another flag is none, nor is nothing: a shell's variable may be empty.
fn value_of(words: &mut impl Iterator<Item = String>) -> Option<String> {
    words.next().filter(|value| !value.is_empty() && !value.starts_with("--"))
}

impl Flags {
    /// Of the example `name`, which listens at `listen` unless told otherwise.
    pub(crate) fn new(name: &'static str, what: &'static str, listen: &'static str) -> Self {
        let (numbers, words, lists, switches) = Default::default();
        Self { name, what, listen, numbers, words, lists, switches, notes: "" }
    }

    /// With a flag for a whole number.
    #[allow(dead_code, reason = "most examples take no number")]
    pub(crate) fn number(
        mut self,
        flag: &'static str,
        meaning: &'static str,
        default: u64,
        range: RangeInclusive<u64>,
    ) -> Self {
        self.numbers.push(Number { flag, meaning, range, value: default });
        self
    }

    /// With a flag for a word of the form `form`, one of those in `takes` unless there are none.
    #[allow(dead_code, reason = "most examples take no word")]
    pub(crate) fn word(
        mut self,
        flag: &'static str,
        form: &'static str,
        meaning: &'static str,
        default: &'static str,
        takes: &'static [&'static str],
    ) -> Self {
        self.words.push(Word { flag, form, meaning, takes, value: default.to_owned() });
        self
    }

    /// With a flag that takes a value of the form `form` each time that it is given.
    #[allow(dead_code, reason = "most examples take no list")]
    pub(crate) fn list(mut self, flag: &'static str, form: &'static str, meaning: &'static str) -> Self {
        self.lists.push(List { flag, form, meaning, values: Vec::new() });
        self
    }

    /// With a flag that takes no value.
    #[allow(dead_code, reason = "most examples take no switch")]
    pub(crate) fn switch(mut self, flag: &'static str, meaning: &'static str) -> Self {
        self.switches.push(Switch { flag, meaning, given: false });
        self
    }

    /// With words that `--help` says below the flags.
    #[allow(dead_code, reason = "most examples say no more")]
    pub(crate) fn notes(mut self, notes: &'static str) -> Self {
        self.notes = notes;
        self
    }

    /// Reads the command line. `--help` prints what there is and ends with status 0; what is wrong is said, and ends with status 2.
    pub(crate) fn read(self) -> Given {
        let (name, help) = (self.name, self.help());
        match self.parse(std::env::args().skip(1)) {
            Ok(Some(given)) => given,
            Ok(None) => {
                println!("{help}");
                std::process::exit(0)
            }
            Err(why) => {
                eprintln!("{name}: {why}");
                std::process::exit(2)
            }
        }
    }

    fn help(&self) -> String {
        let mut help = format!("{}: {}\n", self.name, self.what);
        let mut line = |flag: &str, meaning: &str| help += &format!("\n  {flag:38} {meaning}");
        let listen = format!("listen there (default {}; port 0 takes a free one; repeatable)", self.listen);
        line("--listen IP:PORT", &listen);
        for Number { flag, meaning, range, value } in &self.numbers {
            let (least, most) = (range.start(), range.end());
            line(&format!("{flag} N"), &format!("{meaning} (default {value}; {least} to {most})"));
        }
        for Word { flag, form, meaning, value, .. } in &self.words {
            line(&format!("{flag} {form}"), &format!("{meaning} (default {value})"));
        }
        for List { flag, form, meaning, .. } in &self.lists {
            line(&format!("{flag} {form}"), &format!("{meaning} (repeatable)"));
        }
        for Switch { flag, meaning, .. } in &self.switches {
            line(flag, meaning);
        }
        if !self.notes.is_empty() {
            help += &format!("\n\n{}", self.notes);
        }
        help
    }

    /// `None`: help is asked for.
    fn parse(self, mut words: impl Iterator<Item = String>) -> Result<Option<Given>, String> {
        let Self { numbers, words: choices, lists, switches, .. } = self;
        let mut given = Given { listen: Vec::new(), numbers, words: choices, lists, switches };
        while let Some(flag) = words.next() {
            if let Some(word) = given.words.iter_mut().find(|word| word.flag == flag) {
                word.value = match value_of(&mut words) {
                    Some(value) if word.takes.is_empty() || word.takes.contains(&&*value) => value,
                    Some(value) => return Err(format!("{flag} {value}: give {}", word.form)),
                    None => return Err(format!("{flag}: give {}", word.form)),
                };
                continue;
            }
            if let Some(list) = given.lists.iter_mut().find(|list| list.flag == flag) {
                list.values.push(value_of(&mut words).ok_or_else(|| format!("{flag}: give {}", list.form))?);
                continue;
            }
            if let Some(switch) = given.switches.iter_mut().find(|switch| switch.flag == flag) {
                switch.given = true;
                continue;
            }
            let number = given.numbers.iter_mut().find(|number| number.flag == flag);
            match (flag.as_str(), number) {
                ("--help" | "-h", _) => return Ok(None),
                ("--listen", _) => match words.next() {
                    Some(address) if address.parse::<SocketAddr>().is_ok() => given.listen.push(address),
                    Some(other) => {
                        return Err(format!("--listen {other}: give IP:PORT, such as 127.0.0.1:8000"));
                    }
                    None => return Err("--listen needs an address, such as 127.0.0.1:8000".into()),
                },
                (_, Some(number)) => {
                    let value = words.next();
                    let (least, most) = (number.range.start(), number.range.end());
                    match value.as_deref().map(str::parse) {
                        Some(Ok(value)) if number.range.contains(&value) => number.value = value,
                        _ => {
                            let value = value.map(|value| format!(" {value}")).unwrap_or_default();
                            return Err(format!("{flag}{value}: give a whole number from {least} to {most}"));
                        }
                    }
                }
                (_, None) => return Err(format!("unknown argument {flag}: try --help")),
            }
        }
        if given.listen.is_empty() {
            given.listen.push(self.listen.to_owned());
        }
        Ok(Some(given))
    }
}

impl Given {
    /// The word of a flag.
    #[allow(dead_code, reason = "most examples take no word")]
    pub(crate) fn word(&self, flag: &str) -> &str {
        let word = self.words.iter().find(|word| word.flag == flag);
        &word.expect("only flags that the example declares are asked for").value
    }

    /// All that a flag was given.
    #[allow(dead_code, reason = "most examples take no list")]
    pub(crate) fn list(&self, flag: &str) -> &[String] {
        let list = self.lists.iter().find(|list| list.flag == flag);
        &list.expect("only flags that the example declares are asked for").values
    }

    /// Whether a switch was given.
    #[allow(dead_code, reason = "most examples take no switch")]
    pub(crate) fn switch(&self, flag: &str) -> bool {
        let switch = self.switches.iter().find(|switch| switch.flag == flag);
        switch.expect("only flags that the example declares are asked for").given
    }

    /// The value of a flag.
    #[allow(dead_code, reason = "most examples take no number")]
    pub(crate) fn number(&self, flag: &str) -> u64 {
        let number = self.numbers.iter().find(|number| number.flag == flag);
        number.expect("only flags that the example declares are asked for").value
    }
}
