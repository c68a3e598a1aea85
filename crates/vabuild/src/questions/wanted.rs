//! What apt is asked for: the packages of a definition without the seeds.

use appliance::Definition;
use deb::relation::Relation;

/// The relations of the appliance. Packages that the definition makes itself are in no repository: what they need takes
/// their place.
pub fn relations(definition: &Definition) -> Vec<String> {
    let mut todo: Vec<String> = definition.appliance.iter().flat_map(|a| a.packages.clone()).collect();
    todo.extend(definition.implied_packages());
    let (mut wanted, mut own): (Vec<String>, Vec<&str>) = (vec![], vec![]);
    while !todo.is_empty() {
        let relation = todo.remove(0);
        match definition.packages.iter().find(|p| names(&relation).contains(&p.name)) {
            Some(package) if own.contains(&package.name.as_str()) => {}
            Some(package) => {
                own.push(&package.name);
                todo.extend(package.depends.iter().chain(&package.recommends).cloned());
            }
            None if wanted.contains(&relation) => {}
            None => wanted.push(relation),
        }
    }
    wanted
}

/// The packages that a relation names, one for each alternative.
fn names(relation: &str) -> Vec<String> {
    let alternatives = relation.split('|').filter_map(|one| one.trim().parse::<Relation>().ok());
    alternatives.map(|one| one.name).collect()
}
