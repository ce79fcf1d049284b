//! A topic hub, as the builder was given it.

use crate::{
    contracts::{
        contract::ContractFactory,
        topic_hub::{
            config::{TopicHubConfig, parameter},
            factory,
            publications::Publications,
        },
    },
    ground::{error::ConfigError, id::TopicId},
    hub::topic::Topic,
};

/// See the module.
pub(crate) struct HubPlan {
    pub(super) pattern: String,
    pub(super) config: TopicHubConfig,
}

/// What a hub is mounted as: its contract and its topics.
type Parts = (Box<dyn ContractFactory>, Vec<(String, Topic)>);

impl HubPlan {
    pub(super) fn check(&self) -> Result<Parts, ConfigError> {
        let Self { pattern, config } = self;
        let bad = |why| ConfigError::BadTopicHub { pattern: pattern.clone(), why };
        let parameter = parameter(pattern).map_err(bad)?;
        config.check().map_err(bad)?;
        Ok((Box::new(factory(pattern, parameter, config.clone())), config.host_topics(pattern)))
    }

    /// What publishers need, once the topics have their ids.
    pub(super) fn publications(&self, topics: &[(String, TopicId, Topic)]) -> Option<Publications> {
        let id_of = |name: &str| topics.iter().find(|(n, ..)| n == name).map(|(_, id, _)| *id);
        Publications::new(&self.pattern, &self.config, id_of)
    }
}
