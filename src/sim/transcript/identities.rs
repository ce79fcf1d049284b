//! The stage of identities: a contract that tells everybody who he is, at three paths.
//!
//! `/table` and `/steer` know who shows, as `?token=`, a secret that was `given secret SECRET = SUBJECT ROLE`, perhaps with `until MS` behind it; `/steer` demands the role
//! INSTRUCTOR. `/jwt` knows tokens that are signed as those of `tests/keys/vectors.txt`. Time begins at 1,700,000,000 s. The host
//! `removes SECRET` and `revokes SUBJECT`, and is told `refused CAUSE`.

use super::stage::{self, Stage};
use crate::{
    contracts::{
        contract::{Contract, ContractFactory, Hello, Setup},
        effects::Effects,
        gate::Gate,
        gates::{
            jwt::{JwtGate, key::JwtKey},
            table::IdentityTable,
        },
    },
    engine::{
        command::Command,
        event::{Event, EventMask},
        settings::{Door, Settings},
    },
    ground::{
        foreign::Foreign,
        frame::Message,
        id::{ConnId, TopicId},
        limits::Limits,
    },
};
use std::time::Duration;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct IdentityStage {
    table: IdentityTable,
}

struct Mirror;

impl Contract for Mirror {
    fn opened(&mut self, fx: &mut Effects, peer: ConnId, hello: &Hello<'_>) {
        fx.send(peer, &format!(r#"{{"you":"{}"}}"#, hello.identity.subject().unwrap_or_default()));
    }
    fn message(&mut self, fx: &mut Effects, peer: ConnId, message: Message<'_>) {
        fx.send(peer, message);
    }
}

impl Stage for IdentityStage {
    fn given(&mut self, name: &str, value: &str) -> Result<(), String> {
        let secret = name.strip_prefix("secret ").ok_or("secret SECRET = SUBJECT ROLE [until MS]")?;
        self.table.insert(secret, stage::identity(value)?).map(drop).map_err(|error| error.to_string())
    }

    fn settings(&mut self) -> Result<Settings, String> {
        let mirror = || -> Box<dyn ContractFactory> { Box::new(|_: &mut Setup<'_>| Mirror) };
        let mounts = ["/table", "/steer", "/jwt"].map(|path| (path.to_owned(), mirror()));
        let mut settings = stage::settings(Limits::default(), Vec::new(), mounts.into());
        settings.events = EventMask::REFUSALS;
        let key = JwtKey::hs256("a secret of tests, known to all who read this");
        let tokens = key.and_then(|key| JwtGate::new([key])).map_err(|error| error.to_string())?;
        let door = |gate: Box<dyn Gate>, roles: &[&str]| Door {
            gate: Some(Foreign::new(gate)),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            ..Door::default()
        };
        let table = self.table.clone().query("token");
        settings.mounts[0].door = door(Box::new(table.clone()), &[]);
        settings.mounts[1].door = door(Box::new(table), &["INSTRUCTOR"]);
        settings.mounts[2].door = door(Box::new(tokens.leeway(Duration::ZERO).query("token")), &[]);
        Ok(settings)
    }

    fn host(&mut self, words: &str, _: &[(String, TopicId)]) -> Result<Vec<Command>, String> {
        stage::put_out(&self.table, words).unwrap_or_else(|| Err(format!("not understood: {words}")))
    }

    fn event(&self, event: &Event) -> String {
        match event {
            Event::Refused { cause, .. } => format!("refused {cause:?}"),
            other => format!("{other:?}"),
        }
    }
}
