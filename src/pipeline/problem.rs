//! What is wrong with the user's text: where, what was expected, what to do.

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, SourceCode};
use std::{fmt, sync::Arc};

use super::source::{Source, Spot};
use crate::story::ScriptError;

/// More problems than this are counted, not drawn.
const MOST_DRAWN: usize = 50;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    message: String,
    labels: Vec<(Spot, String)>,
    help: Option<String>,
}

impl Problem {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), labels: Vec::new(), help: None }
    }

    /// Points at `spot`; the first place is the main one, others lie in the same text.
    pub(crate) fn at(mut self, spot: &Spot, label: impl Into<String>) -> Self {
        if self.labels.first().is_none_or(|(first, _)| Arc::ptr_eq(first.source(), spot.source())) {
            self.labels.push((spot.clone(), label.into()));
        }
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds help where there is any.
    pub(crate) fn maybe_help(self, help: Option<String>) -> Self {
        match help {
            Some(help) => self.help(help),
            None => self,
        }
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What was expected there, or what is seen there.
    pub fn label(&self) -> Option<&str> {
        self.labels.first().map(|(_, label)| label.as_str())
    }

    /// What to do about it.
    pub fn remedy(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// The file, variable or option it is in.
    pub fn source_name(&self) -> Option<&str> {
        self.labels.first().map(|(spot, _)| spot.source().name())
    }

    /// The line it is on, from 1.
    pub fn line(&self) -> Option<usize> {
        self.labels.first().map(|(spot, _)| spot.line())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl miette::Diagnostic for Problem {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.labels.first().map(|(spot, _)| spot.source().as_ref() as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(
            self.labels
                .iter()
                .map(|(spot, label)| LabeledSpan::new_with_span(Some(label.clone()), spot.underline())),
        ))
    }
}

/// Everything that is wrong, in the order of the texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    pub(crate) fn push(&mut self, problem: Problem) {
        if !self.0.contains(&problem) {
            self.0.push(problem);
        }
    }

    /// The value, unless anything is wrong.
    pub(crate) fn unless_any<T>(mut self, value: Option<T>) -> Result<T, Self> {
        self.sort();
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            // A reader that gives nothing has said why; if one ever does not, it must not pass for success.
            None if self.0.is_empty() => Err(Self(vec![Problem::new("the settings cannot be read")])),
            _ => Err(self),
        }
    }

    /// Groups them by text, in the order in which the texts were met, and by place within each.
    fn sort(&mut self) {
        let mut order: Vec<*const Source> = Vec::new();
        let mut rank = |problem: &Problem| {
            let Some((spot, _)) = problem.labels.first() else { return (0, 0) };
            let source = Arc::as_ptr(spot.source());
            let at = order.iter().position(|&known| known == source).unwrap_or_else(|| {
                order.push(source);
                order.len() - 1
            });
            (at + 1, spot.start())
        };
        let mut ranked: Vec<_> = self.0.drain(..).map(|problem| (rank(&problem), problem)).collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        self.0.extend(ranked.into_iter().map(|(_, problem)| problem));
    }

    /// What is wrong with a script's text, to be drawn like what is wrong with a pipeline.
    pub fn of_script(name: &str, text: &str, errors: &[ScriptError]) -> Self {
        let source = Source::new(name, text);
        let problem = |error: &ScriptError| {
            let spot = Spot::new(&source, error.range.0..error.range.1);
            Problem::new(&error.message).at(&spot, "here").help(&error.help)
        };
        Self(errors.iter().map(problem).collect())
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// How many there are; never 0 in an error.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts others behind these.
    pub fn extend(&mut self, others: Self) {
        others.0.into_iter().for_each(|problem| self.push(problem));
    }

    /// The drawing for a terminal: each problem with its line, an underline and what was expected.
    pub fn draw(&self, color: bool) -> String {
        let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_width(100)
            .with_links(false)
            .with_context_lines(1)
            .without_syntax_highlighting();
        let mut drawing = String::new();
        for problem in self.0.iter().take(MOST_DRAWN) {
            handler.render_report(&mut drawing, problem).expect("writing to a String cannot fail");
            drawing.push('\n');
        }
        // miette replaces other control characters; this one would send a terminal's cursor back.
        drawing.retain(|c| c != '\r');
        if self.0.len() > MOST_DRAWN {
            drawing.push_str(&format!("... and {} more problems\n", self.0.len() - MOST_DRAWN));
        }
        drawing
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            if let (Some(name), Some(line)) = (problem.source_name(), problem.line()) {
                write!(f, "{name}:{line}: ")?;
            }
            write!(f, "{problem}")?;
            if let Some(help) = &problem.help {
                write!(f, " ({help})")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
