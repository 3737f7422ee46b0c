//! The measurements as a picture: how time and memory grow with replicas, and time with hosts. Drawing only.

use std::collections::BTreeMap;
use std::error::Error;

use plotters::prelude::*;

use crate::table::{Measured, Way};

/// What a panel shows: its title, what lies along its axes, and a line of points for each name.
struct Panel {
    title: &'static str,
    across: &'static str,
    up: &'static str,
    lines: BTreeMap<u32, Vec<(f64, f64)>>,
    name: fn(u32) -> String,
}

pub fn draw(all: &[Measured], path: &str) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::new(path, (1200, 860)).into_drawing_area();
    root.fill(&WHITE)?;
    let of = |way: Way| all.iter().filter(move |one| one.way == way);
    let ms = |one: &Measured| one.total.as_secs_f64() * 1e3;
    let mb = |one: &Measured| one.peak as f64 * 1024.0 / 1e6;
    let by_hosts = |way: Way, up: &dyn Fn(&Measured) -> f64| {
        let mut lines: BTreeMap<u32, Vec<(f64, f64)>> = BTreeMap::new();
        for one in of(way) {
            let point = (f64::from(one.size.replicas), up(one));
            lines.entry(one.size.hosts).or_default().push(point);
        }
        lines
    };
    let mut by_replicas: BTreeMap<u32, Vec<(f64, f64)>> = BTreeMap::new();
    for one in of(Way::FromNothing) {
        let point = (f64::from(one.size.hosts), ms(one));
        by_replicas.entry(one.size.replicas).or_default().push(point);
    }
    by_replicas.retain(|_, points| points.len() > 1);
    let hosts = |hosts: u32| format!("{hosts} hosts");
    let replicas = |replicas: u32| format!("{replicas} replicas");
    let panels = [
        (
            "From nothing: time over replicas",
            "replicas",
            "ms",
            by_hosts(Way::FromNothing, &ms),
            hosts as fn(u32) -> String,
        ),
        ("From nothing: time over hosts", "hosts", "ms", by_replicas, replicas),
        (
            "Nothing to do: time over replicas",
            "replicas",
            "ms",
            by_hosts(Way::NothingToDo, &ms),
            hosts,
        ),
        (
            "From nothing: peak memory over replicas",
            "replicas",
            "MB",
            by_hosts(Way::FromNothing, &mb),
            hosts,
        ),
    ];
    for (area, (title, across, up, lines, name)) in root.split_evenly((2, 2)).iter().zip(panels) {
        let panel = Panel {
            title,
            across,
            up,
            lines,
            name,
        };
        panel.draw(area)?;
    }
    root.present()?;
    Ok(())
}

impl Panel {
    fn draw(self, area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>) -> Result<(), Box<dyn Error>> {
        let points = || self.lines.values().flatten();
        let range = |of: fn(&(f64, f64)) -> f64| {
            let low = points().map(of).fold(f64::INFINITY, f64::min);
            let high = points().map(of).fold(0.0, f64::max);
            (low * 0.8..high * 1.25).log_scale()
        };
        let mut chart = ChartBuilder::on(area)
            .caption(self.title, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(64)
            .build_cartesian_2d(range(|point| point.0), range(|point| point.1))?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_desc(self.across)
            .y_desc(self.up)
            .draw()?;
        for (at, (key, line)) in self.lines.iter().enumerate() {
            let colour = Palette99::pick(at).to_rgba();
            chart
                .draw_series(LineSeries::new(line.clone(), colour.stroke_width(2)).point_size(3))?
                .label((self.name)(*key))
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.3))
            .draw()?;
        Ok(())
    }
}
