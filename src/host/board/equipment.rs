//! `/api/equipment`: all equipment as it is, or some of it.

use super::answer;
use crate::{
    contracts::{
        equipment_monitor::EquipmentMonitor,
        route::{Route, RouteContext},
    },
    wire::{json::fields::object, request::Request, tag::Tag},
};

pub(super) fn route(monitor: EquipmentMonitor) -> impl Route {
    move |context: &RouteContext<'_>, request: &Request<'_>, _: &[u8]| {
        let mut list = String::new();
        let codes = request.query("equipment");
        if let Err(why) = monitor.list(context.now, codes.as_deref(), &mut list) {
            return answer::fault(400, &why);
        }
        let mut text = String::with_capacity(list.len() + 80);
        let (now, lost) = (context.now.wall, monitor.source_lost(context.now));
        object(&mut text, |fields| {
            fields
                .quoted("timestamp", now)
                .plain("source_lost", lost)
                .plain("data", format_args!("[{list}]"));
        });
        let tag = Tag::of([list.as_bytes(), &[u8::from(lost)]]);
        answer::tagged_json(request, tag, text)
    }
}
