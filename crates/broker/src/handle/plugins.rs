//! What is asked about plugins: live data, consent, what can be chosen, and the restart of a service by an action's own program.

use super::{Broker, Caller, broken, refusal, short};
use crate::{consent, services};
use broker_protocol::{Reason, Refusal, Work};
use plugin::{
    Manifest,
    load::Plugins,
    manifest::Query,
    parameter::{self, Choices},
    query::{Data, Wanted},
    wants::Want,
};
use std::collections::{BTreeMap, BTreeSet};

impl Broker {
    pub(super) fn open_wants(&self, plugins: &Plugins) -> Result<BTreeMap<String, BTreeSet<Want>>, Refusal> {
        consent::look(&self.state, &self.manifests, plugins).map_err(broken)
    }

    pub(super) fn query(
        &self,
        plugins: &Plugins,
        plugin: &str,
        query: &str,
        wanted: &Wanted,
    ) -> Result<Data, Refusal> {
        let found = find_query(plugins, plugin, query)?;
        consent::check(&self.open_wants(plugins)?, plugin)?;
        let keep = !self.tasks.changes(plugin).map_err(broken)?;
        self.queries.ask((&self.state, self.tasks.starter()), found, wanted, keep)
    }

    /// What can be chosen for the parameters of an action, now. Also the place where a plugin that asks for more is refused.
    pub(super) fn choices(&self, work: &Work, plugins: Option<&Plugins>) -> Result<Choices, Refusal> {
        let (Work::Action { plugin, action, parameters }, Some(plugins)) = (work, plugins) else {
            return Ok(Choices::new());
        };
        consent::check(&self.open_wants(plugins)?, plugin)?;
        let mut choices = Choices::new();
        let manifest = plugins.good.iter().find(|m| m.name == *plugin);
        let Some((manifest, action)) = manifest.and_then(|m| Some((m, m.action(action)?))) else {
            return Ok(choices);
        };
        for (query, wanted) in parameter::look_ups(manifest, action, parameters) {
            let data = self.query(plugins, plugin, &query.name, &wanted)?;
            let known: &mut Vec<String> = choices.entry(query.name.clone()).or_default();
            known.extend(data.choices.into_iter().map(|c| c.value));
        }
        Ok(choices)
    }

    /// For an action that its manifest gives this service to.
    pub(super) fn restart(&self, caller: &Caller, unit: &str) -> Result<(), Refusal> {
        let action =
            caller.task.as_ref().map(|id| self.tasks.action(id)).transpose().map_err(broken)?.flatten();
        if !action.is_some_and(|a| a.restarts.iter().any(|u| u == unit)) {
            let message = format!("The action's manifest does not name {} in `restarts`.", short(unit));
            return Err(refusal(Reason::Forbidden, message));
        }
        services::restart(unit)
    }
}

pub(super) fn find_query<'a>(
    plugins: &'a Plugins,
    plugin: &str,
    query: &str,
) -> Result<(&'a Manifest, &'a Query), Refusal> {
    let manifest = plugins.good.iter().find(|m| m.name == plugin).ok_or_else(|| no_plugin(plugin))?;
    let none =
        || refusal(Reason::NotFound, format!("The plugin `{plugin}` has no query `{}`.", short(query)));
    Ok((manifest, manifest.query(query).ok_or_else(none)?))
}

pub(super) fn no_plugin(plugin: &str) -> Refusal {
    refusal(Reason::NotFound, format!("There is no plugin `{}` on this machine.", short(plugin)))
}
