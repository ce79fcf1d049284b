//! The command line.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::str::FromStr;

const USAGE: &str = "loadgen WORKLOAD --url ws://IP:PORT/PATH [options]      prints one line of JSON

workloads
  fanout    subscribers on the url, one publisher on /ws/ctl that asks the server to publish
  ingest    clients flood masked text messages, which the server counts
  pingpong  clients send a text message and wait for its echo
  idle      idle connections: server memory for each
  churn     connect, upgrade, close, as fast as possible
  line      watchers of an equipment monitor, which publishes on its own
  devices   devices that stream samples under sessions, and one that presses START and STOP
  mixed     a paced fanout, and one client on /ws/echo that asks and waits meanwhile

options (defaults)
  --clients N         fanout, mixed 1000; ingest, devices 100; line 50; pingpong 1; idle 10000; churn 64
  --seconds S (5)     measured, after --warmup S (1)
  --pid PID           the server's: tells its processor time and memory
  --size BYTES        fanout, mixed 5000; ingest 250; devices 160; pingpong 100
  --mode flood|paced  fanout, devices (flood); mixed is always paced
  --rate HZ (1)       publishes, or samples of all devices, per second when paced
  --window W (4)      publish requests outstanding in a flood
  --batch B (1)       messages per publish request; samples that a device sends at once
  --check             compare every byte of each fanned out message
  --stalled K (0)     fanout: so many further subscribers that never read
  --stalled-share S   mixed: this share of the clients never reads (0)
  --prime-mb M (0)    mixed: publish so much before measuring, to fill the sockets of those who never read
  --ask-rate HZ (200) mixed: questions per second; devices: presses of the button, 0 for none
  --yardstick         devices: the same to a server that only counts on /ws/ingest and echoes on /ws/echo
  --spin              never sleep, so that the server's writes do not pay for waking this side";

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Workload {
    Fanout,
    Ingest,
    Pingpong,
    Idle,
    Churn,
    Mixed,
    Line,
    Devices,
}

impl Workload {
    const ALL: [Self; 8] = [
        Self::Fanout,
        Self::Ingest,
        Self::Pingpong,
        Self::Idle,
        Self::Churn,
        Self::Mixed,
        Self::Line,
        Self::Devices,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fanout => "fanout",
            Self::Ingest => "ingest",
            Self::Pingpong => "pingpong",
            Self::Idle => "idle",
            Self::Churn => "churn",
            Self::Mixed => "mixed",
            Self::Line => "line",
            Self::Devices => "devices",
        }
    }

    fn clients(self) -> usize {
        match self {
            Self::Fanout | Self::Mixed => 1000,
            Self::Ingest | Self::Devices => 100,
            Self::Line => 50,
            Self::Pingpong => 1,
            Self::Idle => 10_000,
            Self::Churn => 64,
        }
    }

    fn size(self) -> usize {
        match self {
            Self::Ingest => 250,
            Self::Devices => 160,
            Self::Pingpong => 100,
            _ => 5000,
        }
    }
}

/// Where the server is, and what is asked of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Target {
    pub(crate) address: SocketAddrV4,
    pub(crate) path: String,
}

impl Target {
    fn parse(url: &str) -> Result<Self, String> {
        let rest = url.strip_prefix("ws://").ok_or_else(|| format!("{url}: only ws:// can be measured"))?;
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let address = match host.strip_prefix("localhost:") {
            Some(port) => port.parse().map(|port| SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)).ok(),
            None => host.parse().ok(),
        };
        let address = address.ok_or_else(|| format!("{host} is not an IPv4 address and a port"))?;
        Ok(Self { address, path: if path.is_empty() { "/" } else { path }.to_owned() })
    }

    /// Another path of the same server.
    pub(crate) fn at(&self, path: &str) -> Self {
        Self { address: self.address, path: path.to_owned() }
    }
}

/// What the command line said, with defaults in place of what it did not say.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) workload: Workload,
    pub(crate) target: Target,
    pub(crate) clients: usize,
    pub(crate) seconds: f64,
    pub(crate) warmup: f64,
    pub(crate) pid: Option<u32>,
    pub(crate) size: usize,
    pub(crate) paced: bool,
    pub(crate) rate: f64,
    pub(crate) window: u64,
    pub(crate) batch: u64,
    pub(crate) check: bool,
    pub(crate) stalled: usize,
    pub(crate) stalled_share: f64,
    pub(crate) prime_mb: usize,
    pub(crate) ask_rate: f64,
    pub(crate) yardstick: bool,
    pub(crate) spin: bool,
}

impl Options {
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let name = words.next().unwrap_or_default();
        let workload = Workload::ALL.into_iter().find(|workload| workload.name() == name).ok_or(USAGE)?;
        let mut options = Self {
            workload,
            target: Target { address: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0), path: String::new() },
            clients: workload.clients(),
            seconds: 5.0,
            warmup: 1.0,
            pid: None,
            size: workload.size(),
            paced: workload == Workload::Mixed,
            rate: 1.0,
            window: 4,
            batch: 1,
            check: false,
            stalled: 0,
            stalled_share: 0.0,
            prime_mb: 0,
            ask_rate: 200.0,
            yardstick: false,
            spin: false,
        };
        while let Some(option) = words.next() {
            match option.as_str() {
                "--check" => options.check = true,
                "--yardstick" => options.yardstick = true,
                "--spin" => options.spin = true,
                _ => {
                    let value = words.next().ok_or_else(|| format!("{option} needs a value\n\n{USAGE}"))?;
                    options.set(&option, &value)?;
                }
            }
        }
        if options.target.path.is_empty() {
            return Err(format!("--url is needed\n\n{USAGE}"));
        }
        if options.size < andon_bench::publish::SIZE_MIN {
            return Err(format!("--size is at least {}", andon_bench::publish::SIZE_MIN));
        }
        Ok(options)
    }

    fn set(&mut self, option: &str, value: &str) -> Result<(), String> {
        match option {
            "--url" => self.target = Target::parse(value)?,
            "--clients" => self.clients = number(option, value)?,
            "--seconds" => self.seconds = number(option, value)?,
            "--warmup" => self.warmup = number(option, value)?,
            "--pid" => self.pid = Some(number(option, value)?),
            "--size" => self.size = number(option, value)?,
            "--mode" if value == "paced" => self.paced = true,
            "--mode" if value == "flood" => self.paced = false,
            "--rate" => self.rate = number(option, value)?,
            "--window" => self.window = number(option, value)?,
            "--batch" => self.batch = number(option, value)?,
            "--stalled" => self.stalled = number(option, value)?,
            "--stalled-share" => self.stalled_share = number(option, value)?,
            "--prime-mb" => self.prime_mb = number(option, value)?,
            "--ask-rate" => self.ask_rate = number(option, value)?,
            _ => return Err(format!("unknown: {option} {value}\n\n{USAGE}")),
        }
        Ok(())
    }

    /// When the measured time of a run that starts then begins and ends.
    pub(crate) fn measured_from(&self, start_ns: u64) -> (u64, u64) {
        let measure_ns = start_ns + (self.warmup * 1e9) as u64;
        (measure_ns, measure_ns + self.measured_ns())
    }

    pub(crate) fn measured_ns(&self) -> u64 {
        (self.seconds * 1e9) as u64
    }
}

fn number<N: FromStr>(option: &str, value: &str) -> Result<N, String> {
    value.parse().map_err(|_| format!("{option}: {value} is not a number that fits"))
}
