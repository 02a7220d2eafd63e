//! How commands reach a node: its address, and the certificate that gives them their role.

use clap::Args;
use crossmargin::v1::{
    analysis_service_client::AnalysisServiceClient, default_service_client::DefaultServiceClient,
    direction_service_client::DirectionServiceClient, margin_service_client::MarginServiceClient,
    market_data_service_client::MarketDataServiceClient, operations_service_client::OperationsServiceClient,
    position_keeping_service_client::PositionKeepingServiceClient, programme_service_client::ProgrammeServiceClient,
};
use tonic::transport::Channel;

use super::{caller::CallerArgs, failure::Failure};
use crate::{
    arrangement::cycle_id::CycleId,
    identity::{Limits, Role},
};

/// The name of the default arrangement.
pub const DEFAULT_ARRANGEMENT: &str = "FICC-CME";

/// Which node to call, as whom, and under which arrangement.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Connection")]
pub struct NodeArgs {
    /// The caller.
    #[command(flatten)]
    pub caller: CallerArgs,

    /// The arrangement, as in every cycle's full name.
    #[arg(long, env = "CROSSMARGIN_ARRANGEMENT", value_name = "NAME", default_value = DEFAULT_ARRANGEMENT)]
    pub arrangement: String,
}

/// A node that can be called.
#[derive(Clone, Debug)]
pub struct Node {
    channel: Channel,
    limits: Limits,
    arrangement: String,
}

impl NodeArgs {
    /// Prepares the connection; it is made at the first call. `usual` is the role that the command needs.
    ///
    /// # Errors
    /// Names the file or the argument and the reason.
    pub fn connect(&self, usual: Role) -> Result<Node, Failure> {
        let channel = self.caller.channel(&usual).map_err(|error| Failure::new(error.to_string()))?;
        Ok(Node { channel, limits: Limits::default(), arrangement: self.arrangement.clone() })
    }
}

impl Node {
    /// A cycle as the wire names it.
    #[must_use]
    pub fn cycle(&self, cycle: CycleId) -> crossmargin::v1::CycleId {
        cycle.to_wire(&self.arrangement)
    }

    /// Calls of operators.
    #[must_use]
    pub fn operations(&self) -> OperationsServiceClient<Channel> {
        OperationsServiceClient::new(self.channel.clone())
            .max_decoding_message_size(self.limits.message_received_bytes_max)
            .max_encoding_message_size(self.limits.message_sent_bytes_max)
    }

    /// Calls of readers of margins.
    #[must_use]
    pub fn margins(&self) -> MarginServiceClient<Channel> {
        MarginServiceClient::new(self.channel.clone())
            .max_decoding_message_size(self.limits.message_received_bytes_max)
            .max_encoding_message_size(self.limits.message_sent_bytes_max)
    }

    /// Calls of those who explain margins and try portfolios.
    #[must_use]
    pub fn analysis(&self) -> AnalysisServiceClient<Channel> {
        AnalysisServiceClient::new(self.channel.clone())
            .max_decoding_message_size(self.limits.message_received_bytes_max)
            .max_encoding_message_size(self.limits.message_sent_bytes_max)
    }

    /// Calls about members in default.
    #[must_use]
    pub fn defaults(&self) -> DefaultServiceClient<Channel> {
        DefaultServiceClient::new(self.channel.clone())
            .max_decoding_message_size(self.limits.message_received_bytes_max)
            .max_encoding_message_size(self.limits.message_sent_bytes_max)
    }

    /// Calls of position keeping.
    #[must_use]
    pub fn positions(&self) -> PositionKeepingServiceClient<Channel> {
        PositionKeepingServiceClient::new(self.channel.clone())
            .max_decoding_message_size(self.limits.message_received_bytes_max)
            .max_encoding_message_size(self.limits.message_sent_bytes_max)
    }

    /// Calls of market data.
    #[must_use]
    pub fn market(&self) -> MarketDataServiceClient<Channel> {
        MarketDataServiceClient::new(self.channel.clone())
            .max_decoding_message_size(self.limits.message_received_bytes_max)
            .max_encoding_message_size(self.limits.message_sent_bytes_max)
    }

    /// Calls about directed positions.
    #[must_use]
    pub fn directions(&self) -> DirectionServiceClient<Channel> {
        DirectionServiceClient::new(self.channel.clone())
            .max_decoding_message_size(self.limits.message_received_bytes_max)
            .max_encoding_message_size(self.limits.message_sent_bytes_max)
    }

    /// Calls of the programme's administration.
    #[must_use]
    pub fn programme(&self) -> ProgrammeServiceClient<Channel> {
        ProgrammeServiceClient::new(self.channel.clone())
            .max_decoding_message_size(self.limits.message_received_bytes_max)
            .max_encoding_message_size(self.limits.message_sent_bytes_max)
    }
}
