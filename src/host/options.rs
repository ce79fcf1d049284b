//! Options of mounts and routes: above all, who may come in.

use crate::{
    contracts::gate::Gate,
    engine::settings::Door,
    ground::{error::ConfigError, foreign::Foreign},
};
use std::fmt;

/// Who may come in, as far as it has been said.
#[derive(Default)]
pub(super) struct DoorPlan {
    door: Door,
    /// Instead of what the gate says.
    same_origin: Option<bool>,
}

impl DoorPlan {
    fn gate(&mut self, gate: impl Gate + 'static) {
        self.door.subprotocols = gate.subprotocols();
        self.door.same_origin = gate.same_origin();
        self.door.gate = Some(Foreign::new(Box::new(gate)));
    }

    /// Whether nothing has been said.
    fn is_open(&self) -> bool {
        self.door.gate.is_none() && self.door.roles.is_empty() && self.same_origin.is_none()
    }

    fn is_same_origin(&self) -> bool {
        self.same_origin.unwrap_or(self.door.same_origin)
    }

    /// What the gate speaks.
    pub(super) fn subprotocols(&self) -> &[String] {
        &self.door.subprotocols
    }

    pub(super) fn checked(self) -> Result<Door, ConfigError> {
        if self.door.gate.is_none() && !self.door.roles.is_empty() {
            return Err(ConfigError::BadLimit {
                name: "role",
                why: "without a gate nobody has a role, and nobody could come in: give the options a gate too",
            });
        }
        let same_origin = self.is_same_origin();
        Ok(Door { same_origin, ..self.door })
    }
}

impl fmt::Debug for DoorPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door")
            .field("gated", &self.door.gate.is_some())
            .field("roles", &self.door.roles)
            .field("same_origin", &self.is_same_origin())
            .finish()
    }
}

/// Settings of one mount, beside its path and its contract.
///
/// The default demands nothing: no gate, no role, no subprotocol, no cap below the server's.
#[derive(Debug, Default)]
pub struct MountOptions {
    pub(super) door: DoorPlan,
    pub(super) subprotocols: Vec<String>,
    pub(super) connections: Option<usize>,
    pub(super) refuses_while_stopping: bool,
}

impl MountOptions {
    /// As the default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks `gate` who a client is, before the contract sees it.
    #[must_use]
    pub fn gate(mut self, gate: impl Gate + 'static) -> Self {
        self.door.gate(gate);
        self
    }

    /// Lets in only identities with this role; others get 403. Called several times, one of the roles is enough. Needs a
    /// [`gate`](Self::gate), and holds for whom the host lets in as well.
    #[must_use]
    pub fn role(mut self, role: impl Into<String>) -> Self {
        self.door.door.roles.push(role.into());
        self
    }

    /// Speaks this subprotocol. Of those that are spoken, the first that a client lists is agreed on; a client that lists none, or none of them, is let in without.
    #[must_use]
    pub fn subprotocol(mut self, name: impl Into<String>) -> Self {
        self.subprotocols.push(name.into());
        self
    }

    /// Lets in only pages of the same host as the one that they ask, of origins that are listed
    /// ([`Builder::allow_origin`](crate::Builder::allow_origin)), and clients that are no browsers. For mounts that know a client by a cookie: a browser sends it along
    /// for a stranger's page as well. Such a mount's default, if its [`gate`](Self::gate) says that it looks for cookies.
    #[must_use]
    pub fn same_origin(mut self) -> Self {
        self.door.same_origin = Some(true);
        self
    }

    /// Lets in pages of every origin, or of every listed one if there is a list, although the gate looks for cookies: any page that a user visits
    /// then speaks in the user's name, unless the cookie is `SameSite`.
    #[must_use]
    pub fn any_origin(mut self) -> Self {
        self.door.same_origin = Some(false);
        self
    }

    /// Takes at most this many connections; one more gets 503. Default: as many as the server.
    #[must_use]
    pub fn connections(mut self, max: usize) -> Self {
        self.connections = Some(max);
        self
    }

    /// While the server stops, the contract's [`admit`](crate::Contract::admit) is asked, so that it can refuse in its own words; whom it lets in is
    /// closed with 1001 as soon as [`opened`](crate::Contract::opened) returns, if not by the contract itself. Default: 503, without asking.
    #[must_use]
    pub fn refuses_while_stopping(mut self) -> Self {
        self.refuses_while_stopping = true;
        self
    }
}

/// Settings of one route, beside its method, its path and what answers.
///
/// The default demands nothing.
#[derive(Debug, Default)]
pub struct RouteOptions {
    pub(super) door: DoorPlan,
    /// The pattern of the mount that it belongs to.
    pub(super) mount: Option<String>,
}

impl RouteOptions {
    /// As the default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks `gate` who a client is, before the route sees its request.
    #[must_use]
    pub fn gate(mut self, gate: impl Gate + 'static) -> Self {
        self.door.gate(gate);
        self
    }

    /// As [`MountOptions::role`].
    #[must_use]
    pub fn role(mut self, role: impl Into<String>) -> Self {
        self.door.door.roles.push(role.into());
        self
    }

    /// As [`MountOptions::same_origin`].
    #[must_use]
    pub fn same_origin(mut self) -> Self {
        self.door.same_origin = Some(true);
        self
    }

    /// As [`MountOptions::any_origin`].
    #[must_use]
    pub fn any_origin(mut self) -> Self {
        self.door.same_origin = Some(false);
        self
    }

    /// Belongs to the mount at this pattern, written as it was mounted: asks of its clients what that mount asks (its gate, roles and pages), so that options
    /// of its own beside this do not build. A gate that asks the host names the mount ([`Event::Asked`](crate::Event::Asked)), and so do refusals. When the mount is
    /// retired for panicking, the route answers 404 as well.
    #[must_use]
    pub fn of_mount(mut self, pattern: impl Into<String>) -> Self {
        self.mount = Some(pattern.into());
        self
    }

    /// Who may ask, and of which mount's clients it is asked.
    pub(super) fn checked(self) -> Result<(Option<String>, Door), ConfigError> {
        if self.mount.is_some() && !self.door.is_open() {
            return Err(ConfigError::BadLimit {
                name: "of_mount",
                why: "a route of a mount asks what the mount asks: leave out the gate, the role and the pages of its own",
            });
        }
        Ok((self.mount, self.door.checked()?))
    }

    /// The gate, taken out.
    #[cfg(feature = "board")]
    pub(super) fn take_gate(&mut self) -> Option<Foreign<dyn Gate>> {
        self.door.door.gate.take()
    }

    /// The same once more, with this gate.
    #[cfg(feature = "board")]
    pub(super) fn again(&self, gate: Option<impl Gate + 'static>) -> Self {
        let DoorPlan { door, same_origin } = &self.door;
        let door = Door {
            gate: gate.map(|gate| Foreign::new(Box::new(gate) as Box<dyn Gate>)),
            subprotocols: door.subprotocols.clone(),
            roles: door.roles.clone(),
            same_origin: door.same_origin,
        };
        Self { door: DoorPlan { door, same_origin: *same_origin }, mount: self.mount.clone() }
    }
}
