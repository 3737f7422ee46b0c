//! `deploy.autoscale`: whether it can mean what it says. It is not in force yet: nothing of it goes further.

use crate::resolve::desired::{Mode, Service};
use crate::resolve::reader::steps;
use crate::resolve::service::Reading;
use crate::resolve::shape::autoscale::{AutoscaleShape, BandShape, CooldownShape};
use crate::resolve::shape::plain::{Count, Plain};

impl Reading<'_> {
    /// What may not stand together under `autoscale`, nor beside it.
    pub fn check_autoscale(&mut self, service: &Service, has_replicas: bool, shape: Option<&AutoscaleShape>) {
        let Some(shape) = shape else { return };
        let AutoscaleShape {
            min,
            max,
            cpu,
            memory,
            step: _,
            cooldown,
        } = shape;
        if let Some(CooldownShape { up: _, down: _ }) = cooldown {}
        let number = |count: &Plain<Count<1>>| count.0.0;
        let (min, max) = (min.as_ref().map(number), max.as_ref().map(number));
        let at = steps!["deploy", "autoscale"];
        for (key, given) in [("min", min.is_some()), ("max", max.is_some())] {
            if !given && !self.has_lost(&["deploy", "autoscale", key]) {
                let hint = "write both: `min: 2`, `max: 8`".to_owned();
                self.reader().wrong(&at, format!("`autoscale` has no `{key}`"), hint);
            }
        }
        if let (Some(min), Some(max)) = (min, max)
            && min > max
        {
            let message = format!("`min` is {min}, and `max` is {max}");
            let path = steps!["deploy", "autoscale", "min"];
            self.reader()
                .wrong(&path, message, "there would be no number between them".to_owned());
        }
        let lost = |key| self.has_lost(&["deploy", "autoscale", key]);
        if cpu.is_none() && memory.is_none() && !lost("cpu") && !lost("memory") {
            let hint = "write `cpu: {above: 70%, below: 30%}`, `memory`, or both".to_owned();
            self.reader().wrong(&at, "`autoscale` goes by nothing", hint);
        }
        for (key, band) in [("cpu", cpu), ("memory", memory)] {
            if let Some(band) = band {
                self.check_band(key, band);
            }
        }
        match service.mode {
            Mode::ReplicatedJob(_) | Mode::GlobalJob => {
                let hint = "a job runs to its end: leave it out".to_owned();
                self.reader().wrong(&at, "`autoscale` says nothing of a job", hint);
            }
            Mode::Global => {
                let hint = "a global service has one replica on each host that fits".to_owned();
                self.reader()
                    .wrong(&at, "`autoscale` says nothing with `mode: global`", hint);
            }
            Mode::Replicated(replicas) => {
                let (min, max) = (min.unwrap_or(0), max.unwrap_or(u32::MAX));
                if has_replicas && min <= max && !(min..=max).contains(&replicas) {
                    let message = format!("`replicas` is {replicas}, which is not within {min} and {max}");
                    let hint = "`replicas` is what a new service begins with: leave it out to begin with `min`";
                    let path = steps!["deploy", "replicas"];
                    self.reader().wrong(&path, message, hint.to_owned());
                }
            }
        }
    }

    fn check_band(&mut self, key: &str, band: &BandShape) {
        let BandShape { above, below } = band;
        if above.is_none() && !self.has_lost(&["deploy", "autoscale", key, "above"]) {
            let hint = "write `above: 70%`, say".to_owned();
            let path = steps!["deploy", "autoscale", key];
            self.reader().wrong(&path, format!("`{key}` has no `above`"), hint);
        }
        if let (Some(Plain(above)), Some(Plain(below))) = (above, below)
            && below >= above
        {
            let message = format!("`below` is {below}, and `above` is {above}");
            let hint = "replicas would come and go for ever: leave room between them".to_owned();
            let path = steps!["deploy", "autoscale", key, "below"];
            self.reader().wrong(&path, message, hint);
        }
    }
}
