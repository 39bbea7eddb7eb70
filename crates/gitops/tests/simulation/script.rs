//! What happens to an application, drawn from a seed.

use std::collections::BTreeMap;
use std::fmt;

use crate::random::Random;

/// A ConfigMap of the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) value: u64,
    pub(crate) wave: u64,
    /// Whether it says `Prune=false`.
    pub(crate) stays: bool,
    /// The phase, if it is a hook.
    pub(crate) hook: Option<&'static str>,
}

/// What the application's directory holds, by name; and whether a file beside it is broken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Files {
    pub(crate) objects: BTreeMap<String, Object>,
    pub(crate) broken: bool,
}

impl Files {
    /// Resources, without hooks.
    pub(crate) fn resources(&self) -> impl Iterator<Item = (&String, &Object)> {
        self.objects.iter().filter(|(_, object)| object.hook.is_none())
    }

    /// Whether it may be pruned from.
    pub(crate) fn is_whole(&self) -> bool {
        !self.broken && self.resources().next().is_some()
    }
}

/// How the application is synced.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) automated: bool,
    pub(crate) prune: bool,
    pub(crate) self_heal: bool,
    pub(crate) prune_last: bool,
}

/// Something that happens.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A commit; whether anybody is told of it.
    Commit(Files, bool),
    /// The branch is set back to the commit before.
    ForceBack,
    /// Somebody changes or deletes the n-th live object.
    Drift(u64, bool),
    /// Somebody asks for a sync, with or without pruning.
    Sync(bool),
    /// Somebody goes back to the n-th commit.
    Rollback(u64),
    /// Somebody ends the running sync.
    Terminate,
    /// So many of a hundred calls fail from now on.
    Storm(u64),
    /// The destination cannot be reached, or can again.
    Partition(bool),
    /// The repository cannot be read, or can again.
    GitDown(bool),
    /// The process dies at its n-th write from now, before or after it is done, and is started again.
    Crash(u64, bool),
    /// So many seconds pass.
    Pass(u64),
}

/// The life of one application.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) seed: u64,
    pub(crate) policy: Policy,
    pub(crate) steps: Vec<Step>,
    /// The commit that everything must come to.
    pub(crate) last: Files,
}

const PHASES: [&str; 4] = ["PreSync", "Sync", "PostSync", "SyncFail"];

impl Script {
    pub(crate) fn draw(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let policy = Policy {
            automated: random.percent(85),
            prune: random.percent(70),
            self_heal: random.percent(60),
            prune_last: random.percent(20),
        };
        let mut drawn = Drawn { random, files: Files::default(), values: 0 };
        let mut steps = vec![Step::Commit(drawn.change(), true)];
        for _ in 0..3 + drawn.random.below(5) {
            let step = drawn.step();
            steps.push(step);
            if drawn.random.percent(60) {
                steps.push(Step::Pass(drawn.random.below(40)));
            }
        }
        drawn.files.broken = false;
        let mut last = drawn.change();
        if last.resources().next().is_none() {
            last.objects.insert("o0".to_owned(), drawn.object(None));
        }
        // Something has to be new, or nothing asks for a sync.
        let value = drawn.value();
        last.objects.values_mut().find(|object| object.hook.is_none()).unwrap().value = value;
        Self { seed, policy, steps, last }
    }
}

struct Drawn {
    random: Random,
    files: Files,
    values: u64,
}

impl Drawn {
    fn value(&mut self) -> u64 {
        self.values += 1;
        self.values
    }

    fn object(&mut self, hook: Option<&'static str>) -> Object {
        Object { value: self.value(), wave: self.random.below(3), stays: self.random.percent(10), hook }
    }

    fn change(&mut self) -> Files {
        for _ in 0..=self.random.below(4) {
            let number = self.random.below(6);
            let hook = (number >= 4).then(|| PHASES[self.random.below(4) as usize]);
            let name = if hook.is_some() { format!("h{number}") } else { format!("o{number}") };
            if self.files.objects.contains_key(&name) && self.random.percent(40) {
                self.files.objects.remove(&name);
            } else {
                let object = self.object(hook);
                // Where a resource is in the order of waves stays.
                let wave = self.files.objects.get(&name).map_or(object.wave, |before| before.wave);
                self.files.objects.insert(name, Object { wave, ..object });
            }
        }
        self.files.clone()
    }

    fn step(&mut self) -> Step {
        let random = &mut self.random;
        match random.below(100) {
            0..30 => {
                let told = random.percent(80);
                self.files.broken = false;
                Step::Commit(self.change(), told)
            }
            30..36 => {
                self.files.broken = true;
                Step::Commit(self.files.clone(), true)
            }
            36..41 => {
                self.files = Files::default();
                Step::Commit(self.files.clone(), true)
            }
            41..46 => Step::ForceBack,
            46..56 => Step::Drift(random.below(6), random.percent(40)),
            56..61 => Step::Sync(random.percent(50)),
            61..65 => Step::Rollback(random.below(4)),
            65..68 => Step::Terminate,
            68..77 => Step::Storm(random.below(4) * 10),
            77..82 => Step::Partition(random.percent(60)),
            82..87 => Step::GitDown(random.percent(60)),
            _ => Step::Crash(random.below(6), random.percent(50)),
        }
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {:?}", self.policy)?;
        for step in &self.steps {
            match step {
                Step::Commit(files, told) => writeln!(f, "  Commit {} told: {told}", Shown(files))?,
                step => writeln!(f, "  {step:?}")?,
            }
        }
        write!(f, "  last commit {}", Shown(&self.last))
    }
}

struct Shown<'a>(&'a Files);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, Object { value, wave, stays, hook }) in &self.0.objects {
            let (stays, hook) = (if *stays { "!" } else { "" }, hook.unwrap_or_default());
            write!(f, "{name}={value}@{wave}{stays}{hook} ")?;
        }
        write!(f, "{}", if self.0.broken { "and a broken file" } else { "" })
    }
}
