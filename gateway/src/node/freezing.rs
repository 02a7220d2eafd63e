//! Freezing a book: what directions bring, and what has lost its eligibility.

use std::sync::Arc;

use crossmargin::v1::MarketItemKind;

use super::context::Context;
use crate::{
    arrangement::{evidence::MarketManifest, leg::Pair, registry::Registry},
    book::{
        Book,
        direction::{Direction, overlay::Overlay},
        frozen::{self, Frozen},
    },
    compute::ComputeError,
    market::reference::Reference,
};

/// A book with the directions that count beside it, and what it is frozen by.
pub(crate) struct ToFreeze {
    pub(crate) book: Arc<Book>,
    pub(crate) directed: Vec<Arc<Direction>>,
    pub(crate) registry: Arc<Registry>,
}

impl Context {
    /// Freezes a book for its business date and stores its chunks.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) fn freeze(&self, to_freeze: &ToFreeze) -> Result<Frozen, ComputeError> {
        let ToFreeze { book, directed, registry } = to_freeze;
        let reference = self.terms_on(book, registry)?;
        let net: Overlay = directed.iter().map(AsRef::as_ref).collect();
        let lost = |instrument: &_| reference.lost(instrument, book.business_date);
        frozen::freeze(book, &net, lost, self.us, registry, &*self.blobs).map_err(ComputeError::new)
    }

    /// The terms of what the house holds on the book's business date. Prices are not read: nothing is excluded by them.
    fn terms_on(&self, book: &Book, registry: &Arc<Registry>) -> Result<Reference, ComputeError> {
        let manifest = self.catalog.read().market_manifest(self.us, book.business_date).cloned();
        let terms = manifest.map(|manifest| MarketManifest {
            items: manifest.items.into_iter().filter(|item| is_terms(item.kind)).collect(),
            ..manifest
        });
        let items = self.computer.items(Pair::from_fn(|leg| terms.as_ref().filter(|_| leg == self.us)))?;
        Ok(Reference::new(self.us, &items, Arc::clone(&self.arrangement), Arc::clone(registry)))
    }
}

fn is_terms(kind: MarketItemKind) -> bool {
    matches!(kind, MarketItemKind::Issues | MarketItemKind::ContractSpecifications)
}
