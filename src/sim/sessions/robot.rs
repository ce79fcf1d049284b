//! A device, or a gateway that speaks for some: it begins and ends sessions, sends data, gets lost, roams, comes back.

use super::{flat::string, guest::Voice};

/// See the module.
#[derive(Debug)]
pub(super) struct Robot {
    /// The devices that it speaks for.
    devices: Vec<String>,
    /// It begins its sessions itself.
    is_new: bool,
    /// By device: the session that it believes under way.
    sessions: Vec<Option<String>>,
    /// Ids that it has heard of.
    ids: Vec<String>,
    rng: fastrand::Rng,
}

impl Robot {
    pub(super) fn new(rng: &mut fastrand::Rng, names: u32) -> Self {
        let count = [1, 1, 1, 2, 4][rng.usize(0..5)];
        let devices: Vec<_> = (0..count).map(|_| format!("r{}", rng.u32(0..names))).collect();
        Self {
            sessions: vec![None; devices.len()],
            devices,
            is_new: rng.u8(0..3) > 0,
            ids: Vec::new(),
            rng: rng.fork(),
        }
    }
}

impl Voice for Robot {
    fn path(&mut self) -> String {
        "/ws/device?".into()
    }

    fn hear(&mut self, text: &str) {
        let (Some(kind), Some(device)) = (string(text, "type"), string(text, "deviceId")) else { return };
        let id = string(text, "sessionId").map(str::to_owned);
        self.ids.extend(id.clone());
        let Some(at) = self.devices.iter().position(|name| name == device) else { return };
        match kind {
            "session_created" => self.sessions[at] = id,
            "device_registered" if !self.is_new && id.is_some() => self.sessions[at] = id,
            "session_ended" => self.sessions[at] = None,
            _ => {}
        }
    }

    fn speak(&mut self, number: u64, foreign: Option<&str>) -> String {
        let at = self.rng.usize(0..self.devices.len());
        let device = self.devices[at].clone();
        let stamp = match self.rng.u8(0..3) {
            0 => String::new(),
            1 => format!(",\"timestamp\":{number}.50"),
            _ => format!(",\"timestamp\":17{number:06}"),
        };
        let own = self.sessions[at].clone();
        let old = (!self.ids.is_empty()).then(|| self.ids[self.rng.usize(0..self.ids.len())].clone());
        let id = match self.rng.u8(0..20) {
            0..10 => own,
            10..13 => old,
            13 => foreign.map(str::to_owned),
            14 => Some("session_of_nobody".into()),
            _ => None,
        };
        let id = match id {
            Some(id) => format!(",\"sessionId\":\"{id}\""),
            None if self.rng.bool() => ",\"sessionId\":null".into(),
            None => String::new(),
        };
        let named = match self.rng.u8(0..6) {
            0 => String::new(),
            _ => format!(",\"deviceId\":\"{device}\""),
        };
        match self.rng.u8(0..100) {
            0..8 if self.is_new => {
                format!(
                    r#"{{"type":"device_register","deviceId":"{device}","clientVersion":"1.1.0"{stamp}}}"#
                )
            }
            0..8 => {
                format!(r#"{{"type":"device_register","deviceId":"{device}","model":"m{number}"{stamp}}}"#)
            }
            8..18 if self.is_new => format!(r#"{{"type":"session_start","deviceId":"{device}"{stamp}}}"#),
            18..28 => format!(r#"{{"type":"session_end","deviceId":"{device}"{id}{stamp}}}"#),
            28 => "no json".into(),
            29 => format!(r#"{{"deviceId":"{device}"}}"#),
            30 => format!(r#"{{"type":"session_start"{stamp}}}"#),
            31 => format!(r#"{{"type":"session_ended","deviceId":"{device}"}}"#),
            32..38 => format!(r#"{{"type":"lidar"{named}{id},"n":{number}}}"#),
            _ => format!(r#"{{"type":"sensor_data"{named}{id},"n":{number}}}"#),
        }
    }
}
