//! Rise and fall: a verdict changes only after a run of equal results, so one
//! lost or one lucky probe changes nothing.

/// How many equal results in a row change the verdict. Zero counts as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// Passed probes in a row that bring a machine up that was down.
    pub rise: u32,
    /// Failed probes in a row that take a machine down that was up.
    pub fall: u32,
}

/// What is thought of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standing {
    /// Nothing is known yet.
    #[default]
    Unknown,
    /// It works.
    Up,
    /// It does not.
    Down,
}

/// A change of the verdict; each is told once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// The machine works now.
    CameUp,
    /// The machine does not work any more, or never did.
    WentDown,
}

/// The verdict on one machine.
#[derive(Debug, Clone)]
pub struct Health {
    thresholds: Thresholds,
    standing: Standing,
    /// Results in a row that speak against the standing.
    against: u32,
}

impl Health {
    /// Nothing known yet. The first result decides, whichever it is: there is
    /// no verdict that it could flip.
    #[must_use]
    pub fn new(thresholds: Thresholds) -> Self {
        Self {
            thresholds,
            standing: Standing::Unknown,
            against: 0,
        }
    }

    /// Goes on with other thresholds; the verdict and the run so far stay.
    pub fn set_thresholds(&mut self, thresholds: Thresholds) {
        self.thresholds = thresholds;
    }

    /// Takes in one probe result; answers only when the verdict changes.
    pub fn record(&mut self, passed: bool) -> Option<Transition> {
        let (transition, needed) = match (self.standing, passed) {
            (Standing::Unknown, true) => (Transition::CameUp, 1),
            (Standing::Unknown, false) => (Transition::WentDown, 1),
            (Standing::Down, true) => (Transition::CameUp, self.thresholds.rise),
            (Standing::Up, false) => (Transition::WentDown, self.thresholds.fall),
            (Standing::Up, true) | (Standing::Down, false) => {
                self.against = 0;
                return None;
            }
        };
        self.against = self.against.saturating_add(1);
        if self.against < needed {
            return None;
        }
        self.against = 0;
        self.standing = match transition {
            Transition::CameUp => Standing::Up,
            Transition::WentDown => Standing::Down,
        };
        Some(transition)
    }

    /// The verdict now.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// Whether the last result spoke against the verdict: worth a second look
    /// sooner than usual.
    #[must_use]
    pub fn is_wavering(&self) -> bool {
        self.against > 0
    }
}
