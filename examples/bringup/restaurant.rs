//! A restaurant whose robots serve: guests come, order, are served and go, and the nine topics tell of it.

use super::seconds;
use andon::{HubError, TopicHub};
use fastrand::Rng;
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

const SEED: u64 = 9;
const TABLES: usize = 8;
const ROBOTS: usize = 3;
const CAMERAS: [&str; 3] = ["hall", "kitchen", "entrance"];
const DISHES: [&str; 4] = ["비빔밥", "냉면", "불고기", "커피"];
const STOCK_FULL: u32 = 20;

/// What goes on at a table.
enum Table {
    Free,
    Seated(Guests),
    /// The order is in the kitchen, or waits there for a robot.
    Ordered(Guests, Order),
    /// A robot is on its way.
    Served(Guests, Order),
    Eating(Guests),
}

#[derive(Clone, Copy)]
struct Guests {
    customer: u32,
    count: u32,
}

#[derive(Clone, Copy)]
struct Order {
    number: u32,
    dish: usize,
}

struct Robot {
    /// Where it goes, or comes from.
    table: Option<usize>,
    returning: bool,
    left: u32,
    battery: f64,
}

/// See the module.
pub(crate) struct Restaurant {
    hub: TopicHub,
    rng: Rng,
    steps: u32,
    /// Each with the steps until something happens there.
    tables: Vec<(Table, u32)>,
    robots: Vec<Robot>,
    /// Portions of each dish.
    stock: [u32; DISHES.len()],
    customers: u32,
    orders: u32,
}

impl Restaurant {
    pub(crate) fn open(hub: TopicHub) -> Self {
        let mut rng = Rng::with_seed(SEED);
        let tables = (0..TABLES).map(|n| (Table::Free, if n == 0 { 0 } else { rng.u32(0..seconds(15)) }));
        let tables = tables.collect();
        let robot = |_| Robot { table: None, returning: false, left: 0, battery: 90.0 };
        let robots = (0..ROBOTS).map(robot).collect();
        let stock = [STOCK_FULL; DISHES.len()];
        let mut this = Self { hub, rng, steps: 0, tables, robots, stock, customers: 0, orders: 0 };
        this.log("info", "open");
        (0..ROBOTS).for_each(|n| this.tell_robot(n));
        (0..TABLES).for_each(|n| this.tell_table(n));
        (0..DISHES.len()).for_each(|dish| this.tell_stock(dish));
        (0..CAMERAS.len()).for_each(|camera| this.tell_camera(camera));
        this
    }

    /// A tenth of a second of it.
    pub(crate) fn step(&mut self) {
        (0..TABLES).for_each(|n| self.step_table(n));
        (0..ROBOTS).for_each(|n| self.step_robot(n));
        if self.steps.is_multiple_of(seconds(2)) {
            self.tell_status();
        }
        if self.steps.is_multiple_of(seconds(4)) {
            let camera = self.rng.usize(0..CAMERAS.len());
            self.tell_camera(camera);
        }
        self.steps = self.steps.wrapping_add(1);
    }

    fn step_table(&mut self, n: usize) {
        let (table, left) = &mut self.tables[n];
        if *left > 0 {
            *left -= 1;
            return;
        }
        let (next, left) = match std::mem::replace(table, Table::Free) {
            Table::Free => {
                self.customers += 1;
                let guests = Guests { customer: self.customers, count: self.rng.u32(1..5) };
                self.tell_guests(n, guests, "seated");
                self.event("seated", n);
                // The first order comes at once, so that there is one to be seen.
                (
                    Table::Seated(guests),
                    if self.orders == 0 { 0 } else { self.rng.u32(seconds(2)..seconds(6)) },
                )
            }
            Table::Seated(guests) => {
                self.orders += 1;
                let order = Order { number: self.orders, dish: self.rng.usize(0..DISHES.len()) };
                self.tell_order(n, order, "received");
                (Table::Ordered(guests, order), self.rng.u32(seconds(4)..seconds(9)))
            }
            Table::Ordered(guests, order) => match self.robots.iter().position(Robot::is_free) {
                Some(robot) => {
                    let way = self.rng.u32(seconds(3)..seconds(7));
                    self.robots[robot] =
                        Robot { table: Some(n), returning: false, left: way, ..self.robots[robot] };
                    self.tell_order(n, order, "delivering");
                    (Table::Served(guests, order), way)
                }
                None => (Table::Ordered(guests, order), seconds(1)),
            },
            Table::Served(guests, order) => {
                self.tell_order(n, order, "delivered");
                self.forget("orders", &order.number.to_string());
                self.take(order.dish);
                self.tell_guests(n, guests, "eating");
                self.event("served", n);
                (Table::Eating(guests), self.rng.u32(seconds(8)..seconds(20)))
            }
            Table::Eating(guests) => {
                self.tell_guests(n, guests, "gone");
                self.forget("customers", &guests.customer.to_string());
                self.event("gone", n);
                (Table::Free, self.rng.u32(seconds(3)..seconds(15)))
            }
        };
        self.tables[n] = (next, left);
        self.tell_table(n);
    }

    fn step_robot(&mut self, n: usize) {
        let robot = &mut self.robots[n];
        let moves = robot.table.is_some();
        robot.battery = (robot.battery + if moves { -0.05 } else { 0.03 }).clamp(5.0, 100.0);
        if robot.left > 0 {
            robot.left -= 1;
        } else if moves && !robot.returning {
            (robot.returning, robot.left) = (true, seconds(4));
        } else if moves {
            robot.table = None;
            if robot.battery < 20.0 {
                self.log("warning", &format!("robot R{} is low on battery", n + 1));
            }
        }
        let often = if moves { seconds(1) / 2 } else { seconds(3) };
        if self.steps.is_multiple_of(often) {
            self.tell_robot(n);
        }
    }

    /// A portion is gone; the last but a few, and there are new ones.
    fn take(&mut self, dish: usize) {
        self.stock[dish] -= 1;
        if self.stock[dish] < 5 {
            self.stock[dish] = STOCK_FULL;
            self.log("info", &format!("{} restocked", DISHES[dish]));
        }
        self.tell_stock(dish);
    }

    fn tell_robot(&self, n: usize) {
        let robot = &self.robots[n];
        let status = match (robot.table, robot.returning) {
            (None, _) => "idle",
            (Some(_), false) => "delivering",
            (Some(_), true) => "returning",
        };
        let (id, table) = (format!("R{}", n + 1), robot.table.map(|table| table + 1));
        let data = json!({"id": id, "status": status, "table": table, "battery": robot.battery.round()});
        self.tell("robots", &id, data);
    }

    fn tell_table(&self, n: usize) {
        let (status, guests) = match self.tables[n].0 {
            Table::Free => ("free", 0),
            Table::Seated(guests) => ("seated", guests.count),
            Table::Ordered(guests, _) => ("ordered", guests.count),
            Table::Served(guests, _) => ("serving", guests.count),
            Table::Eating(guests) => ("eating", guests.count),
        };
        self.tell(
            "tables",
            &(n + 1).to_string(),
            json!({"table": n + 1, "status": status, "guests": guests}),
        );
    }

    fn tell_guests(&self, table: usize, guests: Guests, status: &str) {
        let Guests { customer, count } = guests;
        let data = json!({"customer": customer, "table": table + 1, "guests": count, "status": status});
        self.tell("customers", &customer.to_string(), data);
    }

    fn tell_order(&self, table: usize, order: Order, status: &str) {
        let Order { number, dish } = order;
        let data = json!({"order": number, "table": table + 1, "dish": DISHES[dish], "status": status});
        self.tell("orders", &number.to_string(), data);
    }

    fn tell_stock(&self, dish: usize) {
        let data = json!({"item": DISHES[dish], "count": self.stock[dish]});
        self.tell("inventory", DISHES[dish], data);
    }

    fn tell_camera(&mut self, n: usize) {
        let (camera, online) = (CAMERAS[n], self.rng.u32(0..10) > 0);
        let fps = if online { self.rng.u32(24..31) } else { 0 };
        let url = format!("rtsp://192.0.2.{}/{camera}", n + 1);
        self.tell(
            "video_streams",
            camera,
            json!({"camera": camera, "url": url, "online": online, "fps": fps}),
        );
    }

    fn tell_status(&self) {
        let busy = self.robots.iter().filter(|robot| !robot.is_free()).count();
        let taken = self.tables.iter().filter(|(table, _)| !matches!(table, Table::Free)).count();
        let data = json!({"robots_busy": busy, "tables_taken": taken, "orders_today": self.orders});
        self.tell("status", "", data);
    }

    fn event(&self, what: &str, table: usize) {
        self.tell("events", "", json!({"event": what, "table": table + 1, "timestamp": now_ms()}));
    }

    fn log(&self, level: &str, message: &str) {
        self.tell("systemlogs", "", json!({"level": level, "message": message, "timestamp": now_ms()}));
    }

    fn tell(&self, topic: &str, key: &str, data: Value) {
        complain(topic, self.hub.publish_key(topic, key, &data.to_string()));
    }

    /// Newcomers need not hear of it.
    fn forget(&self, topic: &str, key: &str) {
        complain(topic, self.hub.forget(topic, key));
    }
}

impl Robot {
    fn is_free(&self) -> bool {
        self.table.is_none()
    }
}

fn complain(topic: &str, result: Result<(), HubError>) {
    match result {
        // Full: an entry of a stream is lost, which a host with more at stake would offer again. Stopped: so will we be.
        Ok(()) | Err(HubError::Full | HubError::Stopped) => {}
        Err(error) => eprintln!("bringup: {topic}: {error}"),
    }
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
