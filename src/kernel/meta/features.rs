//! Features: what of the cluster's formats and protocols this broker can speak, and the levels
//! that are in force (KIP-584). Levels are records of the metadata log; a level says that every
//! broker may rely on it, not that anything is turned on here.

use std::sync::Arc;

use super::command::Error;
use super::image::{Image, METADATA_VERSION};
use super::record::{FeatureRange, Record};

/// The level of `metadata.version` whose records are written, Kafka's 4.3-IV0.
pub const METADATA_LEVEL: i16 = 30;

/// A feature with the levels this broker can work at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Supported {
    /// Name.
    pub name: &'static str,
    /// Lowest level; 0 if the feature can be off.
    pub min: i16,
    /// Highest level.
    pub max: i16,
}

/// All features this broker supports. The metadata log is written in one format only.
pub const SUPPORTED: &[Supported] =
    &[Supported { name: METADATA_VERSION, min: METADATA_LEVEL, max: METADATA_LEVEL }];

/// The supported levels as a broker's registration holds them.
pub fn ranges() -> Vec<FeatureRange> {
    let range = |s: &Supported| FeatureRange { name: s.name.into(), min: s.min, max: s.max };
    SUPPORTED.iter().map(range).collect()
}

/// Which way a level may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Not down.
    Upgrade,
    /// Down too.
    Downgrade,
    /// A way that nobody knows.
    Unknown,
}

/// A level wanted for a feature; 0 takes it out of force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Feature name.
    pub name: Arc<str>,
    /// Level.
    pub level: i16,
    /// Which way it may go.
    pub direction: Direction,
}

/// Arguments of [`super::Command::UpdateFeatures`].
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateFeatures {
    /// Levels wanted.
    pub wanted: Vec<Wanted>,
    /// Whether to answer only, without changing.
    pub validate_only: bool,
}

/// Judges the levels wanted, and adds the records of those that change; all or none.
pub(super) fn update(
    image: &Image,
    request: &UpdateFeatures,
    records: &mut Vec<Record>,
) -> Result<(), Error> {
    for wanted in &request.wanted {
        judge(image, wanted).map_err(|reason| {
            let Wanted { name, level, .. } = wanted;
            Error::InvalidFeatureLevel(format!(
                "No feature was updated, because '{name}' cannot be set to {level}: {reason}"
            ))
        })?;
    }
    if request.validate_only {
        return Ok(());
    }
    let changed = request.wanted.iter().filter(|w| w.level != image.feature_level(&w.name));
    records.extend(changed.map(|w| Record::FeatureLevel { name: w.name.clone(), level: w.level }));
    Ok(())
}

fn judge(image: &Image, wanted: &Wanted) -> Result<(), String> {
    if wanted.direction == Direction::Unknown {
        return Err("the type of the upgrade is unknown.".into());
    }
    if wanted.level < 0 {
        return Err("no level is below 0.".into());
    }
    let Some(supported) = SUPPORTED.iter().find(|supported| supported.name == &*wanted.name) else {
        return Err("this broker does not support the feature.".into());
    };
    let Supported { min, max, .. } = *supported;
    if !(min..=max).contains(&wanted.level) {
        return Err(format!("this broker supports the levels {min} to {max}."));
    }
    if wanted.direction == Direction::Upgrade && wanted.level < image.feature_level(&wanted.name) {
        return Err("it is higher, and only an upgrade was asked for.".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(name: &str, level: i16, direction: Direction) -> Wanted {
        Wanted { name: name.into(), level, direction }
    }

    fn run(image: &Image, all: &[Wanted], validate_only: bool) -> Result<Vec<Record>, Error> {
        let mut records = Vec::new();
        let request = UpdateFeatures { wanted: all.to_vec(), validate_only };
        update(image, &request, &mut records).map(|()| records)
    }

    #[test]
    fn a_level_is_set_once() {
        let mut image = Image::default();
        let newest = wanted(METADATA_VERSION, METADATA_LEVEL, Direction::Upgrade);
        assert_eq!(run(&image, std::slice::from_ref(&newest), true), Ok(vec![]));
        let records = run(&image, std::slice::from_ref(&newest), false).expect("it is supported");
        let level = Record::FeatureLevel { name: METADATA_VERSION.into(), level: METADATA_LEVEL };
        assert_eq!(records, [level]);
        image.apply(&records[0]).expect("it fits");
        assert_eq!(run(&image, &[newest.clone(), newest], false), Ok(vec![]));
    }

    #[test]
    fn one_bad_level_spoils_all() {
        let image = Image::default();
        let good = wanted(METADATA_VERSION, METADATA_LEVEL, Direction::Downgrade);
        for (name, level, direction) in [
            (METADATA_VERSION, METADATA_LEVEL, Direction::Unknown),
            (METADATA_VERSION, METADATA_LEVEL + 1, Direction::Upgrade),
            (METADATA_VERSION, METADATA_LEVEL - 1, Direction::Downgrade),
            (METADATA_VERSION, 0, Direction::Downgrade),
            (METADATA_VERSION, -1, Direction::Downgrade),
            ("transaction.version", 2, Direction::Upgrade),
            ("", 1, Direction::Upgrade),
        ] {
            let all = [good.clone(), wanted(name, level, direction)];
            let refused = run(&image, &all, false);
            assert!(matches!(refused, Err(Error::InvalidFeatureLevel(_))), "{name} {level}");
        }
    }

    #[test]
    fn a_higher_level_in_force_goes_down_only_on_demand() {
        let mut image = Image::default();
        let level = METADATA_LEVEL + 1;
        let newer = Record::FeatureLevel { name: METADATA_VERSION.into(), level };
        image.apply(&newer).expect("it fits");
        let to = |direction| [wanted(METADATA_VERSION, METADATA_LEVEL, direction)];
        assert!(run(&image, &to(Direction::Upgrade), false).is_err());
        assert_eq!(run(&image, &to(Direction::Downgrade), false).map(|all| all.len()), Ok(1));
    }
}
