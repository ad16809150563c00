//! Charts as SVG.
//!
//! The library paints in fixed colours; the stylesheet gives those the theme's (`.chart [fill="#1A6350"]`), so that one
//! drawing serves light and dark. What a chart says stands in its title too, and in a table beside it.

use plotters::coord::Shift;
use plotters::prelude::*;

/// Width and height in the drawing's own units. Small, so that letters are readable on a phone.
const SIZE: (u32, u32) = (420, 170);

/// Colours that the stylesheet knows.
const ACCENT: RGBColor = RGBColor(0x1a, 0x63, 0x50);
const SOFT: RGBColor = RGBColor(0x57, 0x62, 0x5e);
const LINE: RGBColor = RGBColor(0xdd, 0xe3, 0xe0);

const LETTERS: u32 = 15;

/// One point of a trend: a label for the axis, the value, and the range in which the true one lies.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Dot {
    pub(super) label: String,
    pub(super) value: Option<f64>,
    pub(super) interval: Option<[f64; 2]>,
}

/// One column of a distribution.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Column {
    pub(super) label: String,
    pub(super) count: u64,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A line through what is known, over the band in which the true values lie.
pub(super) fn trend(title: &str, id: &str, dots: &[Dot]) -> String {
    drawing(title, id, |area| {
        let (low, high) = reach(dots);
        let last = as_float(dots.len().saturating_sub(1)).max(1.0);
        let mut chart = ChartBuilder::on(area)
            .margin(6)
            .margin_right(16)
            .x_label_area_size(26)
            .y_label_area_size(48)
            .build_cartesian_2d(0.0..last, low..high)
            .ok()?;
        let label = |place: &f64| label_at(*place, dots);
        axes(&mut chart, 3, &label)?;
        for run in runs(dots) {
            let upper = run.iter().map(|(x, _, [_, high])| (*x, *high));
            let lower = run.iter().rev().map(|(x, _, [low, _])| (*x, *low));
            let band: Vec<_> = upper.chain(lower).collect();
            chart.draw_series([Polygon::new(band, ACCENT.mix(0.18))]).ok()?;
            let line: Vec<_> = run.iter().map(|(x, value, _)| (*x, *value)).collect();
            // A single point is no line.
            let marks: Vec<_> =
                if run.len() == 1 { line.clone() } else { line.last().copied().into_iter().collect() };
            chart.draw_series([PathElement::new(line, ACCENT.stroke_width(2))]).ok()?;
            chart.draw_series(marks.into_iter().map(|mark| Circle::new(mark, 4, ACCENT.filled()))).ok()?;
        }
        Some(())
    })
}

/// Columns as high as what they count.
pub(super) fn columns(title: &str, id: &str, columns: &[Column]) -> String {
    drawing(title, id, |area| {
        let most = columns.iter().map(|column| column.count).max().unwrap_or(0).max(4);
        let right = as_float(columns.len().max(1)) - 0.5;
        let mut chart = ChartBuilder::on(area)
            .margin(6)
            .x_label_area_size(26)
            .y_label_area_size(48)
            .build_cartesian_2d(-0.5..right, 0.0..crate::score::float(most) * 1.08)
            .ok()?;
        let label = |place: &f64| {
            let known = usize_at(*place).and_then(|index| columns.get(index));
            known.map_or_else(String::new, |column| column.label.clone())
        };
        axes(&mut chart, columns.len(), &label)?;
        let bars = columns.iter().enumerate().map(|(index, column)| {
            let (x, height) = (as_float(index), crate::score::float(column.count));
            Rectangle::new([(x - 0.36, 0.0), (x + 0.36, height)], ACCENT.filled())
        });
        chart.draw_series(bars).ok()?;
        Some(())
    })
}

type Chart<'a, 'b> = ChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

fn axes(chart: &mut Chart<'_, '_>, labels: usize, label: &dyn Fn(&f64) -> String) -> Option<()> {
    let mut mesh = chart.configure_mesh();
    mesh.disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(LINE)
        .axis_style(LINE)
        .x_labels(labels.max(2))
        .y_labels(4)
        .x_label_formatter(label)
        .y_label_formatter(&|value| super::dashboard::digits(*value, 1))
        .label_style(("sans-serif", LETTERS).into_font().color(&SOFT));
    mesh.draw().ok()
}

/// An empty picture is better than no page: a chart that cannot be drawn is left out, its table stays.
fn drawing(title: &str, id: &str, draw: impl FnOnce(&Area<'_>) -> Option<()>) -> String {
    let mut svg = String::new();
    let drawn = {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        draw(&area).and_then(|()| area.present().ok())
    };
    // The library's first line has a fixed size and a name space that HTML does not need.
    let inner = svg.split_once('>').map(|(_, inner)| inner).filter(|_| drawn.is_some());
    let Some(inner) = inner else { return String::new() };
    let (width, height) = SIZE;
    let title = title.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<svg class=\"chart\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"{id}\"><title id=\"{id}\">{title}</title>{inner}"
    )
}

/// Runs of points that are known, each with its place, value and range.
fn runs(dots: &[Dot]) -> Vec<Vec<(f64, f64, [f64; 2])>> {
    let mut runs = vec![Vec::new()];
    for (index, dot) in dots.iter().enumerate() {
        match (dot.value, runs.last_mut()) {
            (Some(value), Some(run)) => {
                run.push((as_float(index), value, dot.interval.unwrap_or([value, value])));
            }
            (None, _) => runs.push(Vec::new()),
            (Some(_), None) => {}
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

/// What the axis has to reach, with a little room.
fn reach(dots: &[Dot]) -> (f64, f64) {
    let ends =
        dots.iter().filter_map(|dot| dot.value.map(|value| (value, dot.interval.unwrap_or([value, value]))));
    let (low, high) = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (value, [from, to])| {
        (low.min(from).min(value), high.max(to).max(value))
    });
    if !low.is_finite() || !high.is_finite() {
        return (0.0, 1.0);
    }
    let room = ((high - low) * 0.08).max(0.5);
    (low - room, high + room)
}

fn label_at(place: f64, dots: &[Dot]) -> String {
    usize_at(place).and_then(|index| dots.get(index)).map_or_else(String::new, |dot| dot.label.clone())
}

/// The index at a place of the axis, if there is one right there.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and not negative")]
fn usize_at(place: f64) -> Option<usize> {
    let nearest = place.round();
    ((place - nearest).abs() < 1e-6 && nearest >= 0.0).then_some(nearest as usize)
}

#[expect(clippy::cast_precision_loss, reason = "a chart has few points")]
fn as_float(index: usize) -> f64 {
    index as f64
}
