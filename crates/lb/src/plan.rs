//! A plan: one generation of what the operator has configured, put in the form
//! that requests need. A reload makes a new one and swaps it in whole; a request
//! keeps to the plan it began with.

use std::cell::{Cell, RefCell};
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use service::ConfigError;

use crate::config::{ClientConfig, Config};
use crate::pool::Pool;
use crate::pool::view::PoolView;
use crate::retry::Budget;
use crate::route::Routes;

/// One generation.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Counts up from 1.
    pub(crate) generation: u64,
    pub(crate) config: Config,
    /// Limits towards clients, for connections to keep for as long as they live.
    pub(crate) client: Arc<ClientConfig>,
    pub(crate) routes: Routes,
    /// In the order of the configuration; routes name them by index.
    pub(crate) pools: Vec<Arc<Pool>>,
}

impl Plan {
    /// The first plan.
    pub(crate) fn first(config: Config) -> Self {
        let workers = config.worker_count();
        let pools = config.pools.iter();
        let pools = pools.map(|pool| Arc::new(Pool::new(pool.clone(), workers))).collect();
        Self::of(1, config, pools)
    }

    /// The plan after this one. A pool that is as it was stays the very same; one
    /// that has changed takes over the servers that both have, with all that is
    /// known of them. From here on they go by its rules, so it has to come into force.
    pub(crate) fn next(&self, config: Config) -> Self {
        let pools =
            config.pools.iter().map(
                |wanted| match self.pools.iter().find(|pool| pool.config.name == wanted.name) {
                    Some(pool) if pool.config == *wanted => pool.clone(),
                    Some(pool) => Arc::new(pool.successor(wanted.clone())),
                    None => Arc::new(Pool::new(wanted.clone(), config.worker_count())),
                },
            );
        let pools = pools.collect();
        Self::of(self.generation + 1, config, pools)
    }

    fn of(generation: u64, config: Config, pools: Vec<Arc<Pool>>) -> Self {
        Self {
            generation,
            client: Arc::new(config.client.clone()),
            routes: Routes::new(&config),
            pools,
            config,
        }
    }

    /// Sockets and threads are made once.
    ///
    /// # Errors
    /// A key has changed that only a restart can change.
    pub(crate) fn refuse_fixed(&self, new: &Config) -> Result<(), ConfigError> {
        let fixed = [
            ("listen", new.listen == self.config.listen),
            ("tls.listen", new.tls.listen == self.config.tls.listen),
            ("workers", new.workers == self.config.workers),
            ("service", new.service == self.config.service),
        ];
        match fixed.into_iter().find(|(_, same)| !same) {
            Some((key, _)) => Err(ConfigError::value(
                key,
                "cannot be changed while it runs: restart for that",
            )),
            None => Ok(()),
        }
    }

    /// Pools of this plan that `other` does not have.
    pub(crate) fn pools_beside<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a Arc<Pool>> {
        let known = |pool: &Arc<Pool>| other.pools.iter().any(|theirs| Arc::ptr_eq(theirs, pool));
        self.pools.iter().filter(move |pool| !known(pool))
    }
}

/// One worker's copy of the plan, with connections and a budget of its own.
pub(crate) struct PlanView {
    plan: Arc<Plan>,
    /// In the order of the plan's.
    pub(crate) pools: Vec<Rc<PoolView>>,
    pub(crate) budget: Budget,
}

impl PlanView {
    pub(crate) fn new(plan: Arc<Plan>, before: Option<&Self>) -> Self {
        let view = |pool: &Arc<Pool>| {
            let kept = before.and_then(|before| before.pools.iter().find(|view| Arc::ptr_eq(&view.pool, pool)));
            kept.cloned().unwrap_or_else(|| Rc::new(PoolView::new(pool.clone())))
        };
        Self {
            pools: plan.pools.iter().map(view).collect(),
            budget: Budget::new(&plan.config.retry, plan.config.worker_count()),
            plan,
        }
    }
}

impl Deref for PlanView {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        &self.plan
    }
}

/// The newest plan as a worker sees it.
pub(crate) struct CurrentPlan {
    generation: Cell<u64>,
    view: RefCell<Rc<PlanView>>,
}

impl CurrentPlan {
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        Self {
            generation: Cell::new(plan.generation),
            view: RefCell::new(Rc::new(PlanView::new(plan, None))),
        }
    }

    /// The view, made anew by `load` if `generation` is not its own.
    pub(crate) fn get(&self, generation: u64, load: impl FnOnce() -> Arc<Plan>) -> Rc<PlanView> {
        if generation != self.generation.get() {
            let plan = load();
            self.generation.set(plan.generation);
            let view = Rc::new(PlanView::new(plan, Some(&self.view.borrow())));
            self.view.replace(view);
        }
        self.view.borrow().clone()
    }
}
