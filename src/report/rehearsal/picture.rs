//! A rehearsal as a picture: time against replicas, a bar for each container while it starts and while it serves. Drawing only.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use plotters::coord::Shift;
use plotters::prelude::{
    Color, DrawingArea, EmptyElement, IntoDrawingArea, IntoTextStyle, PathElement, RGBColor, Rectangle, SVGBackend,
    Text, WHITE,
};

use crate::model::name::{HostName, Slot};
use crate::report::rehearsal::serving::stretches;
use crate::report::rehearsal::text::title;
use crate::report::rehearsal::{Mark, Rehearsal, RehearsalDocument};
use crate::report::words::short_time;

const WIDTH: u32 = 1200;
const LEFT: i32 = 200;
const RIGHT: i32 = 40;
const TOP: i32 = 70;
const BOTTOM: i32 = 40;
const ROW: i32 = 22;

const OLD: RGBColor = RGBColor(140, 150, 165);
const NEW: RGBColor = RGBColor(70, 160, 90);
const STARTING: RGBColor = RGBColor(235, 190, 90);
const WRONG: RGBColor = RGBColor(200, 50, 50);
const INK: RGBColor = RGBColor(40, 40, 40);
const GRID: RGBColor = RGBColor(225, 225, 225);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

/// The picture as an SVG.
///
/// # Errors
/// Where it cannot be drawn.
pub fn svg(rehearsal: &Rehearsal, document: &RehearsalDocument) -> Result<String, Box<dyn Error>> {
    let rows = Rows::new(rehearsal);
    let mut out = String::new();
    {
        let height = TOP + BOTTOM + ROW * rows.count().max(1);
        let root = SVGBackend::with_string(&mut out, (WIDTH, height.unsigned_abs())).into_drawing_area();
        root.fill(&WHITE)?;
        let picture = Picture {
            root: &root,
            rows,
            rehearsal,
        };
        picture.head(document)?;
        picture.axis()?;
        picture.bars()?;
        picture.marks(document)?;
        root.present()?;
    }
    Ok(out)
}

/// Which line of the picture each replica has: those that change or lose a container, in the plan's order.
struct Rows(BTreeMap<Slot, i32>);

impl Rows {
    fn new(rehearsal: &Rehearsal) -> Self {
        let services = rehearsal.plan.services.iter();
        let slots = services.flat_map(|service| &service.slots).map(|change| &change.slot);
        Self((0..).zip(slots).map(|(row, slot)| (slot.clone(), row)).collect())
    }

    fn count(&self) -> i32 {
        i32::try_from(self.0.len()).unwrap_or(i32::MAX / ROW / 2)
    }

    /// The upper edge of a replica's line.
    fn top(&self, slot: &Slot) -> Option<i32> {
        self.0.get(slot).map(|row| TOP + row * ROW)
    }
}

struct Picture<'p, 'a> {
    root: &'p Area<'a>,
    rows: Rows,
    rehearsal: &'p Rehearsal,
}

impl Picture<'_, '_> {
    fn took(&self) -> Duration {
        self.rehearsal.outcome.took.max(Duration::from_millis(1))
    }

    /// Where a moment lies across.
    fn x(&self, at: Duration) -> i32 {
        let width = f64::from(i32::try_from(WIDTH).unwrap_or(i32::MAX) - LEFT - RIGHT);
        let share = at.as_secs_f64() / self.took().as_secs_f64();
        #[allow(clippy::cast_possible_truncation, reason = "a share of a width that fits")]
        let along = (share.min(1.0) * width).round() as i32;
        LEFT + along
    }

    fn bottom(&self) -> i32 {
        TOP + ROW * self.rows.count().max(1)
    }

    fn write(&self, text: &str, at: (i32, i32), size: i32, color: &RGBColor) -> Drawn {
        let style = ("sans-serif", size).into_text_style(self.root).color(color);
        self.root.draw(&Text::new(text.to_owned(), at, style))?;
        Ok(())
    }

    fn head(&self, document: &RehearsalDocument) -> Drawn {
        let took = short_time(self.took());
        let head = format!(
            "{} · {took} · ends with {}",
            title(&self.rehearsal.plan),
            document.exit_code
        );
        self.write(&head, (12, 10), 20, &INK)?;
        let mut x = 12;
        for (color, words) in [
            (OLD, "found"),
            (STARTING, "starting"),
            (NEW, "new, serving"),
            (WRONG, "wrong"),
        ] {
            self.root
                .draw(&Rectangle::new([(x, 36), (x + 14, 48)], color.filled()))?;
            self.write(words, (x + 20, 36), 15, &INK)?;
            x += 110;
        }
        let least: Vec<String> = document
            .services
            .iter()
            .map(|least| format!("{}: fewest {} of {}", least.service, least.fewest, least.replicas))
            .collect();
        self.write(&least.join(" · "), (x + 20, 36), 15, &INK)
    }

    /// Lines at round times.
    fn axis(&self) -> Drawn {
        let step = distance(self.took());
        let mut at = Duration::ZERO;
        while at <= self.took() {
            let x = self.x(at);
            self.root.draw(&PathElement::new(
                [(x, TOP - 6), (x, self.bottom())],
                GRID.stroke_width(1),
            ))?;
            self.write(&short_time(at), (x - 10, self.bottom() + 8), 14, &INK)?;
            at += step;
        }
        Ok(())
    }

    fn bars(&self) -> Drawn {
        for (slot, row) in &self.rows.0 {
            self.write(&slot.to_string(), (12, TOP + row * ROW + 4), 15, &INK)?;
        }
        for served in &self.rehearsal.served {
            let Some(top) = self.rows.top(&served.slot) else {
                continue;
            };
            let starts = served
                .from
                .unwrap_or(self.took())
                .min(served.until.unwrap_or(self.took()));
            if served.started < starts && served.started < self.took() {
                self.bar(top, served.made, (served.started, starts), STARTING)?;
            }
        }
        for stretch in stretches(self.rehearsal) {
            let Some(top) = self.rows.top(&stretch.served.slot) else {
                continue;
            };
            let color = if stretch.served.made { NEW } else { OLD };
            self.bar(top, stretch.served.made, (stretch.from, stretch.until), color)?;
        }
        Ok(())
    }

    /// A bar: what was found in the upper half of the line, what is made in the lower one.
    fn bar(&self, top: i32, made: bool, (from, until): (Duration, Duration), color: RGBColor) -> Drawn {
        let top = if made { top + 11 } else { top + 2 };
        let corners = [(self.x(from), top), (self.x(until).max(self.x(from) + 1), top + 8)];
        self.root.draw(&Rectangle::new(corners, color.filled()))?;
        Ok(())
    }

    /// What failed, and hosts that fell silent.
    fn marks(&self, document: &RehearsalDocument) -> Drawn {
        for silence in &self.rehearsal.faults.silences {
            let x = self.x(silence.at.0);
            self.root.draw(&PathElement::new(
                [(x, TOP - 6), (x, self.bottom())],
                WRONG.stroke_width(1),
            ))?;
            self.write(&said(&silence.host), (x + 3, TOP - 18), 14, &WRONG)?;
        }
        for replica in &document.replicas {
            let Some(top) = self.rows.top(&replica.slot) else {
                continue;
            };
            let wrong = |mark: &&Mark| mark.error.is_some();
            for mark in replica.marks.iter().filter(wrong) {
                let (x, y) = (self.x(Duration::from_millis(mark.at_ms)), top + ROW / 2);
                let cross = EmptyElement::at((x, y))
                    + PathElement::new([(-5, -5), (5, 5)], WRONG.stroke_width(2))
                    + PathElement::new([(-5, 5), (5, -5)], WRONG.stroke_width(2));
                self.root.draw(&cross)?;
            }
        }
        Ok(())
    }
}

fn said(host: &HostName) -> String {
    format!("{host} falls silent")
}

/// A round time of which about eight fit.
fn distance(took: Duration) -> Duration {
    let seconds = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
    let fits = seconds
        .into_iter()
        .map(Duration::from_secs)
        .find(|step| *step * 12 >= took);
    fits.unwrap_or(took / 8)
}
