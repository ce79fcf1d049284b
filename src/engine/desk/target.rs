//! What a request's path and method lead to.

use crate::{
    engine::{Engine, ports::Ports, transport::Transport},
    ground::id::MountId,
    wire::{
        answer::{self, fault},
        head::Head,
        request::Method,
        response::Response,
        target::Path,
    },
};

/// See the module.
pub(super) enum Target {
    Mount(MountId),
    Route(usize),
    Refused(Response),
}

impl Target {
    pub(super) fn mount(&self) -> Option<MountId> {
        match self {
            Target::Mount(mount) => Some(*mount),
            Target::Route(_) | Target::Refused(_) => None,
        }
    }
}

impl<T: Transport, P: Ports> Engine<T, P> {
    /// The mount that is asked for, or to which the route belongs that is.
    pub(super) fn mount_behind(&self, target: &Target) -> Option<MountId> {
        match target {
            Target::Mount(mount) => Some(*mount),
            Target::Route(route) => self.routes[*route].entrance.mount(),
            Target::Refused(_) => None,
        }
    }

    /// What stands at the request's path, for its method.
    pub(super) fn target(&self, head: &Head<'_>) -> (Target, Vec<(String, String)>) {
        let refused = |response| (Target::Refused(response), Vec::new());
        if head.path == "*" {
            let allow = answer::allow(Method::ALL);
            return refused(Response::new(204).with_header("Allow", allow));
        }
        let path = match Path::decode(head.path) {
            Ok(path) => path,
            Err(malformed) => return refused(fault(malformed.status(), malformed.message(), &[])),
        };
        let Some((place, params)) = self.router.find(&path) else {
            return refused(fault(404, "nothing is served at this path", &[]));
        };
        let serves = |mount: &MountId| self.mounts[mount.index()].contract.is_some();
        let mount = place.mount.filter(serves);
        let routes = place
            .routes
            .iter()
            .filter(|(_, route)| self.routes[*route].entrance.mount().is_none_or(|m| serves(&m)));
        if mount.is_none() && routes.clone().next().is_none() {
            return refused(fault(404, "what was served at this path has failed and is no longer", &[]));
        }
        let route = |method: Method| routes.clone().find(|(m, _)| *m == method).map(|(_, route)| *route);
        if let Some(mount) = mount
            && (head.wants_upgrade || (route(Method::Get).is_none() && head.method == Some(Method::Get)))
        {
            return (Target::Mount(mount), params);
        }
        let found = match head.method {
            Some(Method::Head) => route(Method::Head).or_else(|| route(Method::Get)),
            Some(method) => route(method),
            None => None,
        };
        if let Some(route) = found {
            return (Target::Route(route), params);
        }
        let served = |method: Method| match method {
            Method::Options => true,
            Method::Head => route(Method::Head).is_some() || route(Method::Get).is_some(),
            Method::Get => route(Method::Get).is_some() || mount.is_some(),
            other => route(other).is_some(),
        };
        let allow = answer::allow(Method::ALL.into_iter().filter(|method| served(*method)));
        refused(match head.method {
            Some(Method::Options) => Response::new(204).with_header("Allow", allow),
            _ => fault(405, "this path does not know that method", &[("Allow", &allow)]),
        })
    }
}
